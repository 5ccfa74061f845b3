from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

import cronnx
from cronnx import ModelInfo, StepInfo
from cronnx.command_line import main
from cronnx.playground.calls import calls
from cronnx.playground.server import Server
from tests.unit.cronnx.command_line.fake_server import FakeServer
from tests.unit.cronnx.playground.asgi import Browser

STEPS = (StepInfo("preprocess", "-1"), StepInfo("cats_onnx", "1"))
HTTP = Server(["http://127.0.0.1:8000"])
ODD = 'it\'s "$(a)" é'
"""A name that a shell and Python must quote."""


def model(name: str = "cats", task: str = "classification", steps: tuple[StepInfo, ...] = STEPS) -> ModelInfo:
    return ModelInfo(name, ("1",), "ensemble", "", 4, (), (), steps, task)


def test_a_call_is_shown_for_the_shell_for_python_and_for_cronnx() -> None:
    assert calls(HTTP, model(), "") == {
        "curl": """(printf '{"image": "'; base64 -w0 photo.jpg; printf '"}') |\n"""
        "  curl -s -H 'Content-Type: application/json' -d @- http://127.0.0.1:8000/v2/models/cats/generate",
        "python": "from cronnx import Client\n\n"
        "with Client('http://127.0.0.1:8000') as client:\n"
        "    answer = client.classify('photo.jpg', model_name='cats')\n"
        "    print(answer)\n",
        "command": "cronnx predict photo.jpg --model cats --url http://127.0.0.1:8000",
    }


def test_a_version_of_an_ensemble_needs_the_client() -> None:
    shown = calls(HTTP, model(), "2")
    assert shown["curl"] is None
    assert "model_version='2'" in str(shown["python"])
    assert "--model-version 2" in str(shown["command"])


def test_a_version_of_a_model_without_steps_is_in_the_address() -> None:
    assert str(calls(HTTP, model(steps=()), "2")["curl"]).endswith("/v2/models/cats/versions/2/generate")


def test_curl_needs_an_http_address() -> None:
    assert calls(Server(["grpc://127.0.0.1:8001"]), model(), "")["curl"] is None
    both = calls(Server(["grpc://127.0.0.1:8001", "https://host:8443"], ca_file="my ca.pem"), model(), "")
    assert "--cacert 'my ca.pem' https://host:8443/v2/" in str(both["curl"])


@pytest.mark.parametrize(("task", "method"), [("detection", "detect"), ("depth", "estimate_depth"), ("", "predict")])
def test_python_uses_the_method_of_the_task(task: str, method: str) -> None:
    assert f"client.{method}(" in str(calls(HTTP, model(task=task), "")["python"])


def test_names_are_quoted_for_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    (tmp_path / "curl").write_text('#!/bin/sh\ncat > body; for last; do :; done; printf %s "$last" > url\n')
    (tmp_path / "curl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    subprocess.run(["sh", "-c", str(calls(HTTP, model(ODD), "")["curl"])], cwd=tmp_path, check=True)
    assert (tmp_path / "body").read_text() == '{"image": "YSBwaG90bw=="}'
    assert (tmp_path / "url").read_text() == (
        "http://127.0.0.1:8000/v2/models/it%27s%20%22%24%28a%29%22%20%C3%A9/generate"
    )


def test_the_command_is_one_that_cronnx_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    server = FakeServer()
    command = shlex.split(str(calls(HTTP, model(ODD), "2")["command"]))
    assert main(command[1:], connect=server.connect) == 0
    assert (server.options["model_name"], server.options["model_version"]) == (ODD, "2")
    assert server.connections[0][0] == ["http://127.0.0.1:8000"]


def test_the_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Asked:
        def __init__(self, url: str, **_: object) -> None:
            asked.append(url)

        def __enter__(self) -> Asked:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def classify(self, *arguments: object, **named: object) -> str:
            asked.append((arguments, named))
            return "an answer"

    monkeypatch.setattr(cronnx, "Client", Asked)
    exec(str(calls(HTTP, model(ODD), "2")["python"]))  # noqa: S102 - what a user would paste
    assert asked == ["http://127.0.0.1:8000", (("photo.jpg",), {"model_name": ODD, "model_version": "2"})]


def test_the_page_shows_the_calls_of_its_server(page: Browser) -> None:
    shown = page.get("/api/calls?model=cats&version=2").json()
    assert shown["command"] == "cronnx predict photo.jpg --model cats --model-version 2 --url http://127.0.0.1:8000"
