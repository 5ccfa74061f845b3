"""What `scripts/overload` and `scripts/soak` do, on the project's own models, in a second where they take minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx_lab import pictures
from cronnx_lab.bench import triton
from cronnx_lab.load.target import Server, places, written
from cronnx_lab.overload import rounds as overload
from cronnx_lab.overload.rounds import ACCEPTED, REFUSED, Overload
from cronnx_lab.report import Report
from cronnx_lab.soak import samples as soak
from cronnx_lab.stress import plots
from cronnx_server import environment
from cronnx_server.build_models.ready import ready
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

MODELS = ["efficientnet_lite0", "efficientnet_lite0_ab"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One server, asked for one ensemble or the other."""
    folder = tmp_path_factory.mktemp("requests")
    images = pictures.make("tiny", folder).contents()
    with environment.alone():
        names = ready(MODELS)
    with triton.running([MODEL_REPOSITORY, ENSEMBLES], names) as (addresses, family):
        yield {name: Server(addresses, family, written(name, images, folder=folder / name)) for name in MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_of_more_than_there_is_room_for_each_is_answered_or_refused(servers: dict[str, Server], model: str) -> None:
    crowd = 4 * places(model)
    outcome = servers[model].open_loop(rate_per_s=crowd, seconds=1)
    measured = Overload((1.0, 1.0), crowd, 1.0, outcome)
    assert (outcome.unanswered, measured.failed) == (0, 0)
    assert measured.count(ACCEPTED) >= places(model) / 4
    assert measured.count(REFUSED) > 0
    assert measured.count(ACCEPTED) + measured.count(REFUSED) == len(outcome.late_s)


def test_overload_is_measured_between_two_peaks_and_reported(servers: dict[str, Server], tmp_path: Path) -> None:
    rounds = overload.measure(servers[MODELS[0]], peak_s=0.5, seconds=1, rounds=2)
    assert rounds[0].peaks_per_s[1] == rounds[1].peaks_per_s[0]
    verdicts = overload.verdicts(rounds, places=places(MODELS[0]))
    assert [each.name for each in verdicts] == ["goodput", "p99", "refusal", "failed", "hanging"]
    assert [each.measured for each in verdicts[3:]] == ["0", "0"]
    page = Report("overload", verdicts, plots.overload_plots(rounds), {}).write(tmp_path, run={"model": "a"})
    assert page.read_text().count("<svg") == 2


def test_a_soak_notes_what_the_server_keeps_after_each_slice(servers: dict[str, Server], tmp_path: Path) -> None:
    told: list[soak.Sample] = []
    samples = soak.soak(servers[MODELS[1]], requests=1, concurrency=4, slice_s=1.0, tell=told.append)
    assert samples == told
    (sample,) = samples
    assert sample.failed == 0
    assert sample.requests > 0
    assert 0 < sample.p50_s <= sample.p99_s
    assert 0 < sample.shared_memory_bytes < sample.pss_bytes
    assert sample.descriptors > 0
    page = Report("soak", soak.verdicts(samples), plots.soak_plots(samples), {"samples": 1}).write(tmp_path, run={})
    assert page.read_text().count("<svg") == 4
    assert json.loads(page.with_suffix(".json").read_text())["verdicts"][2]["holds"] is True
