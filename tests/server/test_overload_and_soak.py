"""`scripts/overload` and `scripts/soak` in a short form, on the project's own models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx_lab import pictures
from cronnx_lab.command_line import TargetReport
from cronnx_lab.load.answers import OK, REFUSED
from cronnx_lab.load.target import Target, triton_target
from cronnx_lab.overload import plots as overload_plots
from cronnx_lab.overload import rounds as overload
from cronnx_lab.overload.rounds import Overload, capacity
from cronnx_lab.servers import triton_server
from cronnx_lab.soak import plots as soak_plots
from cronnx_lab.soak import samples as soak
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

MODELS = ["efficientnet_lite0", "efficientnet_lite0_ab"]


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """One server with two ensembles."""
    folder = tmp_path_factory.mktemp("requests")
    images = pictures.make("tiny", folder).contents()
    with environment.setup_lock():
        names = build_missing(MODELS)
    with triton_server([MODEL_REPOSITORY, ENSEMBLES], names) as server:
        yield {name: triton_target(server, name, images, folder=folder / name) for name in MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_beyond_the_capacity_each_request_is_answered_or_refused(targets: dict[str, Target], model: str) -> None:
    seconds = 0.25  # so short that no machine answers them all
    rate_per_s = 4 * capacity(model) / seconds
    outcome = targets[model].open_loop(rate_per_s=rate_per_s, seconds=seconds)
    measured = Overload((1.0, 1.0), rate_per_s, seconds, outcome)
    assert (outcome.unanswered, measured.failed) == (0, 0)
    assert outcome.count(OK) >= capacity(model) / 4
    assert outcome.count(REFUSED) > 0
    assert outcome.count(OK) + outcome.count(REFUSED) == len(outcome.sent)


def test_overload_is_measured_between_two_peaks_and_reported(targets: dict[str, Target], tmp_path: Path) -> None:
    rounds = overload.measure(targets[MODELS[0]], peak_s=0.5, seconds=1, rounds=2)
    assert rounds[0].peaks_per_s[1] == rounds[1].peaks_per_s[0]
    held = capacity(MODELS[0])
    verdicts = overload.verdicts(rounds, capacity=held)
    assert [each.name for each in verdicts] == ["goodput", "p99", "refusal", "failed", "hanging"]
    assert [each.measured for each in verdicts[3:]] == ["0", "0"]
    plots = overload_plots.over_time(rounds, capacity=held)
    page = TargetReport("overload", verdicts, plots, {}).write(tmp_path, run={"model": "a"})
    assert page.read_text().count("<svg") == 3


def test_a_soak_notes_what_the_server_keeps_after_each_slice(targets: dict[str, Target], tmp_path: Path) -> None:
    told: list[soak.Sample] = []
    samples = soak.soak(targets[MODELS[1]], requests=1, concurrency=4, slice_s=1.0, on_sample=told.append)
    assert samples == told
    (sample,) = samples
    assert sample.failed == 0
    assert sample.requests > 0
    assert 0 < sample.p50_s <= sample.p99_s
    assert 0 < sample.shared_memory_bytes < sample.own_bytes
    assert sample.descriptors > 0
    page = TargetReport("soak", soak.verdicts(samples), soak_plots.by_requests(samples), {"samples": 1}).write(
        tmp_path, run={}
    )
    assert page.read_text().count("<svg") == 4
    assert json.loads(page.with_suffix(".json").read_text())["verdicts"][2]["holds"] is True
