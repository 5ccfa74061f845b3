from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cronnx_server.paths import SERVER_SOURCE
from tests.unit.cronnx_server.healthcheck.conftest import FakeTriton


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Without site-packages: NVIDIA's container has only Python.
    command = [sys.executable, "-S", "-m", "cronnx_server.healthcheck", *arguments]
    return subprocess.run(command, cwd=SERVER_SOURCE, capture_output=True, text=True, timeout=60)


def test_a_healthy_server_is_a_line_a_model_and_status_0(triton: FakeTriton) -> None:
    ended = run("--url", triton.url)
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [["ok", "server"], ["ok", "photos"]]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_one_model_that_fails_is_status_1(triton: FakeTriton) -> None:
    triton.answers["/v2/models/photos/infer"] = (500, json.dumps({"error": "Stub process is\nnot healthy"}).encode())
    ended = run("--url", triton.url, "--models", "photos", "network")
    _, photos, network = ended.stdout.splitlines()
    assert photos == "failed  photos: HTTP 500: Stub process is not healthy"
    assert network.startswith("ok      network  ")
    assert (ended.returncode, ended.stderr) == (1, "")


def test_what_could_not_be_asked_is_said(triton: FakeTriton) -> None:
    triton.configs["network"]["input"][0]["dims"] = [-1]
    ended = run("--url", triton.url, "--models", "network")
    assert ended.stdout.splitlines()[1] == "skipped network: it takes inputs of any size"
    assert ended.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "grpc://127.0.0.1:8001"),
        ("--url", "127.0.0.1:8000"),
        ("--url", "http://127.0.0.1:port"),
        ("--url", "http://127.0.0.1/v2"),
        ("--timeout-s", "0"),
        ("--timeout-s", "nan"),
        ("--timeout-s", "soon"),
    ],
)
def test_what_cannot_be_asked_is_usage(arguments: tuple[str, str]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert f"got '{arguments[1]}'" in ended.stderr
    assert "Traceback" not in ended.stderr
