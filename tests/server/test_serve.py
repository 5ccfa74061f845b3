"""`scripts/serve` as a user meets it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cronnx import Client
from cronnx_server.paths import MODEL_REPOSITORY, ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server.conftest import Served, ports, report_of
from tests.server.processes import started_by

SERVE = [sys.executable, str(ROOT / "scripts" / "serve")]


@contextlib.contextmanager
def serving(*arguments: str, addresses: Addresses) -> Iterator[subprocess.Popen[str]]:
    command = [*SERVE, *ports(addresses), *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def refused(*arguments: str, **environ: str) -> str:
    """The one line on standard error of a call that has to fail."""
    ended = subprocess.run(
        [*SERVE, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    *_, line = ended.stderr.splitlines()
    assert line.startswith("serve: ")
    return line


def test_the_first_answer_the_addresses_and_a_curl_line_are_printed(served: Served) -> None:
    assert "coffee.jpg by efficientnet_lite0/1@57934424 in " in served.report
    assert "espresso" in served.report
    for address in (served.addresses.http, served.addresses.grpc, served.addresses.metrics):
        assert address in served.report


def test_the_printed_curl_line_answers_with_label_class_score_and_provenance(served: Served) -> None:
    (line,) = (line for line in served.report.splitlines() if "curl" in line)
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    for field in ('"label":[', '"class_id":[', '"score":[', '"served_by":"efficientnet_lite0/1@57934424"'):
        assert field in answer


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_every_version_of_a_packaged_model_is_loaded(served: Served, name: str, version: int) -> None:
    with urllib.request.urlopen(f"{served.addresses.http}/v2/models/{name}_onnx/versions/{version}/ready") as answer:
        assert answer.status == 200


def test_metrics_are_served(served: Served) -> None:
    with urllib.request.urlopen(served.addresses.metrics) as answer:
        metrics = answer.read()
    assert b'nv_inference_request_success{model="efficientnet_lite0' in metrics
    assert b'nv_inference_request_summary_us{model="efficientnet_lite0' in metrics


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_every_stub(number: signal.Signals) -> None:
    addresses = free_addresses()
    with serving("--models", "efficientnet_lite0", addresses=addresses) as process:
        report_of(process)
        family = started_by(process.pid)
        names = [each.name() for each in family]
        assert "tritonserver" in names
        assert sum("stub" in name for name in names) >= 2
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
        assert not [each for each in family if psutil.pid_exists(each.pid)]


def test_models_named_are_served_and_no_others() -> None:
    addresses = free_addresses()
    with serving("--models", "efficientnet_lite1", addresses=addresses) as process, Client(addresses.grpc) as client:
        assert "efficientnet_lite1/1@" in report_of(process)
        assert client.is_ready("efficientnet_lite1")
        assert client.is_ready("preprocess_240")
        assert not client.is_ready("efficientnet_lite0")


def test_another_repository_is_served_with_the_same_backends(tmp_path: Path) -> None:
    model = tmp_path / "mine" / "1"
    model.mkdir(parents=True)
    built = MODEL_REPOSITORY / "efficientnet_lite0_onnx" / "1" / "model.onnx"
    (model / "model.onnx").symlink_to(built)
    addresses = free_addresses()
    with serving(f"--model-repository={tmp_path}", addresses=addresses) as process, Client(addresses.grpc) as client:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("metrics"))
        assert client.is_ready("mine")
        assert not client.is_ready("efficientnet_lite0")


def test_flags_after_two_dashes_and_no_quantiles_reach_tritonserver() -> None:
    addresses, options = free_addresses(), ("--models", "efficientnet_lite0", "--no-latency-quantiles")
    with serving(*options, "--", "--id=mine", addresses=addresses) as process:
        report_of(process)
        with urllib.request.urlopen(f"{addresses.http}/v2") as answer:
            assert b'"name":"mine"' in answer.read()
        with urllib.request.urlopen(addresses.metrics) as answer:
            assert b"summary" not in answer.read()


def test_a_profile_is_passed_on_and_falls_back_to_the_cpu() -> None:
    addresses = free_addresses()
    with serving("--models", "efficientnet_lite0", "--profile", "tensorrt", addresses=addresses) as process:
        assert "espresso" in report_of(process)
        with urllib.request.urlopen(f"{addresses.http}/v2/models/efficientnet_lite0_onnx/config") as answer:
            assert b'"tensorrt"' in answer.read()
        assert {each.cwd() for each in started_by(process.pid)} == {str(ROOT)}, "its engines' folder is relative"


def test_a_taken_port_is_named_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in (line := refused(f"--grpc-port={port}"))
        assert "--grpc-port" in line


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    line = refused("--models", "nonesuch", *ports(free_addresses()))
    assert "'nonesuch'" in line
    assert "efficientnet_lite0" in line


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    line = refused("--profile", "nonesuch", *ports(free_addresses()))
    assert "configs/nonesuch.pbtxt" in line
    assert "tensorrt" in line


def test_a_repository_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in refused(f"--model-repository={tmp_path / 'none'}", *ports(free_addresses()))


def test_a_model_that_does_not_load_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"no graph")
    assert "before it was ready" in refused(f"--model-repository={tmp_path}", *ports(free_addresses()))
