"""`scripts/serve` as its users see it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cronnx import Client
from cronnx_server.paths import PICTURES, ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server import echo
from tests.server.conftest import Served, ports, report_of
from tests.server.polling import until
from tests.server.triton import SERVER, STUB, started_by

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


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


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


def test_a_large_picture_is_answered_when_curl_calls_it_a_form(served: Served) -> None:
    picture = (PICTURES / "coffee.jpg").read_bytes() + bytes(6_000_000)
    body = json.dumps({"image": base64.b64encode(picture).decode()}).encode()
    request = urllib.request.Request(f"{served.addresses.http}/v2/models/efficientnet_lite0/generate", data=body)
    with urllib.request.urlopen(request) as answer:  # application/x-www-form-urlencoded, as of `curl -d`
        assert "espresso" in answer.read().decode()


def test_the_server_may_open_as_many_files_as_the_machine_allows(served: Served) -> None:
    (server,) = started_by(served.process.pid, SERVER)
    soft, hard = server.rlimit(psutil.RLIMIT_NOFILE)
    assert soft == hard


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_every_version_of_a_packaged_model_is_loaded(served: Served, name: str, version: int) -> None:
    with urllib.request.urlopen(f"{served.addresses.http}/v2/models/{name}_onnx/versions/{version}/ready") as answer:
        assert answer.status == 200


def test_metrics_are_served(served: Served) -> None:
    metrics = get(served.addresses.metrics)
    assert 'nv_inference_request_success{model="efficientnet_lite0' in metrics
    assert 'nv_inference_request_summary_us{model="efficientnet_lite0' in metrics


@dataclass(frozen=True)
class Configured:
    """A server started with many options, and what `scripts/serve` printed."""

    addresses: Addresses
    report: str
    pid: int


@pytest.fixture(scope="module")
def configured() -> Iterator[Configured]:
    addresses = free_addresses()
    models = ("--models", "efficientnet_lite0", "efficientnet_lite0_ab")
    options = (*models, "--cache=67108864", "--no-latency-quantiles")
    with serving(*options, "--", "--id=mine", addresses=addresses) as process:
        yield Configured(addresses, report_of(process), process.pid)


def test_models_named_are_served_and_no_others(configured: Configured) -> None:
    with Client(configured.addresses.grpc) as client:
        ready = {model.name for model in client.models() if model.state == "READY"}
    ensembles = {"efficientnet_lite0", "efficientnet_lite0_ab"}
    assert ready == ensembles | {"preprocess_224", "efficientnet_lite0_onnx", "efficientnet_lite0_router"}


def test_flags_after_two_dashes_reach_tritonserver(configured: Configured) -> None:
    assert '"name":"mine"' in get(f"{configured.addresses.http}/v2")


def test_no_latency_quantiles_are_exported_when_they_are_turned_off(configured: Configured) -> None:
    assert "nv_inference_request_summary_us" not in get(configured.addresses.metrics)


def test_the_cache_leaves_an_ab_test_its_draw(configured: Configured) -> None:
    with Client(configured.addresses.grpc) as client:
        for _ in range(10):
            client.classify(PICTURES / "coffee.jpg", model_name="efficientnet_lite0_ab")
    until(  # Triton counts after it has answered
        lambda: statistics_of(configured, "efficientnet_lite0_router")["execution_count"] == 10, what="all are counted"
    )
    for name in ("efficientnet_lite0_ab", "efficientnet_lite0_router"):
        found = statistics_of(configured, name)["inference_stats"]
        assert found["cache_hit"]["count"] == found["cache_miss"]["count"] == 0


def statistics_of(server: Configured, model_name: str) -> Any:
    (model,) = json.loads(get(f"{server.addresses.http}/v2/models/{model_name}/stats"))["model_stats"]
    return model


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_another_repository_is_served_until_a_signal_ends_the_server_and_every_stub(
    tmp_path: Path, number: signal.Signals
) -> None:
    echo.write(tmp_path)
    addresses = free_addresses()
    with serving(f"--model-repository={tmp_path}", addresses=addresses) as process, Client(addresses.grpc) as client:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("metrics"))
        assert client.is_ready(echo.MODEL_NAME)
        assert not client.is_ready("efficientnet_lite0")
        family = started_by(process.pid)
        assert started_by(process.pid, SERVER)
        assert started_by(process.pid, STUB)
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
        _, left = psutil.wait_procs(family, timeout=60)
        assert not left


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
