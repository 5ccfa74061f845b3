"""`scripts/loadtest` on a real server: every request counted once by Locust and by Triton, and what a CI goes by."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from cronnx import Client
from cronnx_lab.loadtest.thresholds import BASELINE_REQUESTS
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server import echo, toy
from tests.server.polling import until
from tests.server.repositories import ONE_INSTANCE, put_python
from tests.server.triton import running

UNTIMED = ["--max-p99-ms=inf", "--max-p95-ratio=inf", "--max-p99-ratio=inf", "--min-throughput=0"]
SERVED_BY = ["toy/1@00000000", "toy/2@00000000"]
OUTPUTS = " ".join(
    f'output_map {{ key: "{name}" value: "{name}" }}' for name in ("label", "class_id", "score", "served_by")
)
ROUTER = """
backend: "router" max_batch_size: 64 dynamic_batching { } instance_group [ { count: 1 } ]
parameters { key: "arms" value { string_value: "toy_onnx/1=50 toy_onnx/2=50" } }
"""
AB = f"""
platform: "ensemble" max_batch_size: 64
ensemble_scheduling {{ step [ {{ model_name: "toy_router" model_version: -1
  input_map {{ key: "image" value: "image" }} input_map {{ key: "user_id" value: "user_id" }} {OUTPUTS} }} ] }}
"""
TENSORS = echo.CONFIG[echo.CONFIG.index("input [") :].replace(
    "dims: [ 1 ] } ]\noutput",
    'dims: [ 1 ] },\n  { name: "user_id" data_type: TYPE_STRING dims: [ 1 ] optional: true } ]\noutput',
)


# Models that are good to the one user of the baseline, and then fail or take 1.2 s.
BAD = f"""
OF_ONE_USER = {BASELINE_REQUESTS + 5}
import time
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.fails = args["model_name"] == "fails_under_load"
        self.requests = 0

    def execute(self, requests):
        self.requests += len(requests)
        is_loaded = self.requests > OF_ONE_USER
        if is_loaded and self.fails:
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError("too much load")) for _ in requests]
        time.sleep(1.2 if is_loaded else 0.02)
        served_by = np.array([[b"bad/1@00000000"]], object)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("served_by", served_by)]) for _ in requests]
"""
BAD_CONFIG = f"""
max_batch_size: 4 dynamic_batching {{ }} {ONE_INSTANCE}
input [ {{ name: "image" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {{ name: "served_by" data_type: TYPE_STRING dims: [ 1 ] }} ]
"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    repository = tmp_path_factory.mktemp("repository")
    toy.ToyRepository(repository).write()
    echo.write(repository)
    for name, config in (("toy_router", ROUTER), ("toy_ab", AB)):
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(config + TENSORS)
    for name in ("fails_under_load", "slow_under_load"):
        put_python(repository, name, BAD, BAD_CONFIG)
    with running([repository]) as addresses:
        yield addresses


@dataclass(frozen=True)
class Ended:
    """How `scripts/loadtest` ended, and what it printed."""

    status: int
    stdout: str
    stderr: str
    reports: Path

    @property
    def models(self) -> dict[str, Any]:
        """What each model has done, from the report."""
        (report,) = self.reports.glob("*.json")
        models: dict[str, Any] = json.loads(report.read_text())["models"]
        return models

    @property
    def verdicts(self) -> dict[str, list[str]]:
        """What was measured and the verdict by threshold, from the table that is printed."""
        rows = [re.split(" {2,}", line) for line in self.stdout[self.stdout.index("\ntarget") :].splitlines()]
        return {row[0]: row[2:] for row in rows if len(row) == 4}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("cat", "dog"):  # the toys echo what they are given as a label, which is a text
        (images / name).write_text(name)
    script = [sys.executable, str(ROOT / "scripts" / "loadtest")]
    return [*script, f"--images={images}", f"--reports={tmp_path / 'reports'}", "--users=4"]


def loadtest(command: list[str], *arguments: str, cwd: Path) -> Ended:
    run = subprocess.run(
        [*command, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    return Ended(run.returncode, run.stdout, run.stderr, cwd / "reports")


def successes(addresses: Addresses) -> Counter[str]:
    """The requests that Triton counts as answered, by model."""
    with Client(addresses.grpc) as client:
        found = Counter[str]()
        for each in client.statistics():
            found[each.name] += each.success_count
    return found


@pytest.mark.parametrize(
    ("shape", "protocol", "models", "served_by"),
    [
        ("steady", "grpc", ["toy"], SERVED_BY[:1]),
        ("ramp", "http", ["toy"], SERVED_BY[:1]),
        ("burst", "grpc", ["toy"], SERVED_BY[:1]),
        ("mixed", "http", ["toy", "echo"], [*SERVED_BY[:1], "echo/1@00000000"]),
        ("ab", "grpc", ["toy"], SERVED_BY),
    ],
)
def test_every_request_sent_is_answered_and_counted_once_by_model_and_arm(
    addresses: Addresses,
    command: list[str],
    tmp_path: Path,
    shape: str,
    protocol: str,
    models: list[str],
    served_by: list[str],
) -> None:
    url = {"grpc": addresses.grpc, "http": addresses.http}[protocol]
    before = successes(addresses)
    ended = loadtest(command, shape, f"--url={url}", "--duration-s=2", "--models", *models, *UNTIMED, cwd=tmp_path)
    assert ended.status == 0, ended.stderr

    asked = [f"{name}_ab" if shape == "ab" else name for name in models]
    under_load = {name: sum(each["answers"].values()) for name, each in ended.models.items()}
    assert {name: each["requests"] for name, each in ended.models.items()} == under_load
    answered = successes(addresses) - before
    before_load = {name: each["one_user_requests"] for name, each in ended.models.items()}
    assert {name: answered[name] for name in asked} == {name: under_load[name] + before_load[name] for name in asked}

    assert {arm for each in ended.models.values() for arm in each["answers"]} == set(served_by)
    for name in asked:
        assert ended.verdicts[f"{name}: failed requests"] == [f"0 of {under_load[name]}", "met"]
    assert re.search(r"^    1 of 2 s, \d users: \d+ answers/s.*, 0 failed$", ended.stderr, re.MULTILINE)
    report = (ended.reports / f"{shape}.html").read_text()
    assert all(each in report for each in [protocol, *asked, *served_by])


def test_the_default_thresholds_tell_a_server_that_is_bad_under_load(
    addresses: Addresses, command: list[str], tmp_path: Path
) -> None:
    bad = ["--models", "fails_under_load", "slow_under_load"]
    ended = loadtest(command, "mixed", f"--url={addresses.http}", "--duration-s=3", *bad, cwd=tmp_path)
    assert ended.status == 1, ended.stderr
    missed = {what for what, (_, verdict) in ended.verdicts.items() if verdict == "MISSED"}
    assert {"fails_under_load: failed requests", "slow_under_load: p99 latency in ms"} <= missed
    assert re.search(r"too much load +[1-9]\d*$", ended.stdout, re.MULTILINE)


def test_a_model_that_is_not_served_is_told_and_ends_with_2(
    addresses: Addresses, command: list[str], tmp_path: Path
) -> None:
    ended = loadtest(command, f"--url={addresses.grpc}", "--models", "absent", cwd=tmp_path)
    assert ended.status == 2
    assert ended.stderr.startswith("loadtest: 'absent' does not answer: ")
    assert "'absent' is not found" in ended.stderr


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_that_is_not_there_ends_with_2(command: list[str], tmp_path: Path, protocol: str) -> None:
    nowhere = free_addresses()
    url = {"grpc": nowhere.grpc, "http": nowhere.http}[protocol]
    ended = loadtest(command, f"--url={url}", cwd=tmp_path)
    assert ended.status == 2
    assert ended.stderr.startswith("loadtest: 'efficientnet_lite0' does not answer: ")
    assert "Traceback" not in ended.stderr


def test_a_folder_without_images_ends_with_2(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    ended = loadtest(command, f"--images={tmp_path / 'none'}", cwd=tmp_path)
    assert (ended.status, ended.stderr) == (2, f"loadtest: expected images in {tmp_path / 'none'}, got none\n")


def test_the_web_page_shows_the_test_while_it_lasts(addresses: Addresses, command: list[str]) -> None:
    port = free_addresses().http_port
    arguments = [f"--url={addresses.grpc}", "--duration-s=10", "--models", "toy", f"--web={port}", *UNTIMED]
    with subprocess.Popen(
        [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert f"web page: http://127.0.0.1:{port}\n" in process.stdout

        def shows_the_test() -> bool:
            with urlopen(f"http://127.0.0.1:{port}/stats/requests") as page:
                shown = json.load(page)
            return shown["state"] == "running" and any(each["num_requests"] for each in shown["stats"])

        until(shows_the_test, what="the page shows requests")
        assert re.search(r"^toy: failed requests .* 0 of \d+ +met$", process.stdout.read(), re.MULTILINE)
    assert process.returncode == 0
