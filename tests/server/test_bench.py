"""`scripts/bench` in a short form: the report is complete and the counts add up. The speed is not tested."""

from __future__ import annotations

import json
import shutil
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

from cronnx_lab import pictures
from cronnx_lab.bench import fastapi_rival
from cronnx_lab.bench.plan import Plan
from cronnx_lab.load.http_requests import to_fastapi
from cronnx_lab.measurement import TRITON, Case
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import MODEL_REPOSITORY, ROOT
from tests.server.triton import started_by

BENCH = [sys.executable, str(ROOT / "scripts" / "bench")]
SHORT = ["--quick", "--versions", "1", "--pictures", "vga", "tiny", "--concurrency", "1", "4"]
PLAN = Plan((1,), (1, 4), ("vga", "tiny"))


@dataclass(frozen=True)
class Benched:
    """The output and the files of a run."""

    printed: str
    page: str
    cases: list[dict[str, Any]]
    run: dict[str, str]


@pytest.fixture(scope="module")
def benched() -> Iterator[Benched]:
    ended = subprocess.run([*BENCH, *SHORT], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=400)
    assert ended.returncode == 0, ended.stderr
    page = ROOT / ended.stdout.splitlines()[-1]
    measured = json.loads((page.parent / "measurements.json").read_text())
    (only_round,) = measured["rounds"]
    yield Benched(ended.stdout, page.read_text(), only_round, measured["run"])
    shutil.rmtree(page.parent)


def test_every_case_is_measured_and_in_the_table(benched: Benched) -> None:
    measured = {Case(*(each[name] for name in Case.__dataclass_fields__)) for each in benched.cases}
    assert measured == set(PLAN.cases())
    for case in PLAN.cases():
        assert f"<td>{case.load}</td><td>{case.version}</td><td>{case.concurrency}</td>" in benched.page


def test_no_request_failed_and_every_case_answered_some(benched: Benched) -> None:
    assert [each["failed"] for each in benched.cases] == [0] * len(benched.cases)
    assert all(each["answered"] >= max(1, len(each["latencies_s"])) for each in benched.cases)


def test_every_step_has_seen_every_image_of_its_ensemble(benched: Benched) -> None:
    served = [each for each in benched.cases if each["contender"] == TRITON]
    for case in served:
        assert list(case["steps"]) == ["efficientnet_lite0_v1", "preprocess_224", "efficientnet_lite0_onnx"]
        assert {step["requests"] for step in case["steps"].values()} == {case["answered"]}
    assert served


def test_what_it_cost_is_known_of_every_case(benched: Benched) -> None:
    for case in benched.cases:
        assert case["cpu_s"] > 0
        assert case["pss_bytes"] > 10_000_000
        assert (case["generator_cpu_s"] > 0) is (case["contender"] != "in-process")


def test_the_verdicts_are_printed_and_the_page_has_its_plots(benched: Benched) -> None:
    assert "requests that failed" in benched.printed
    assert "in-process limit" in benched.printed
    assert benched.page.count("<svg") == 3
    assert benched.run["model"] == "efficientnet_lite0"


def test_ctrl_c_ends_everything_that_was_started() -> None:
    with subprocess.Popen([*BENCH, *SHORT], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "closed loop" in line:
                break
        family = started_by(process.pid)
        assert len(family) >= 3, lines
        process.send_signal(signal.SIGINT)
        *_, last = process.stderr
        assert process.wait(timeout=60) == 130
    assert last.startswith("bench: interrupted")
    _, left = psutil.wait_procs(family, timeout=60)
    assert not left


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", "nonesuch"], "there is no model 'nonesuch'"),
        (["--steps", "efficientnet_lite0_ab"], "expected steps of the backends preprocess and onnxruntime in"),
        (["--versions", "77"], "version 77 of efficientnet_lite0_onnx is not built"),
    ],
)
def test_what_cannot_be_measured_is_named(arguments: list[str], complaint: str) -> None:
    ended = subprocess.run([*BENCH, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"bench: {complaint}")


def test_the_rival_gives_the_answers_of_the_model_it_shares(tmp_path: Path) -> None:
    build_missing(["efficientnet_lite0"])
    model = MODEL_REPOSITORY / "efficientnet_lite0_onnx" / "1" / "model.onnx"
    made = {name: pictures.make(name, tmp_path) for name in ("vga", "12mp")}
    alone = InProcessModel(model)
    with fastapi_rival.serve(model, size=224, pictures=made, folder=tmp_path) as rival:
        for image in [image for each in made.values() for image in each.contents()]:
            body = to_fastapi(image).partition(b"\r\n\r\n")[2]
            host, port = rival.addresses[0]
            with urllib.request.urlopen(f"http://{host}:{port}/infer", data=body) as answer:
                answered = json.load(answer)
            assert answered["class_id"][0] == alone.answer([image])["class_id"][0, 0]
            assert answered["served_by"] == ["efficientnet_lite0/1@57934424"]
