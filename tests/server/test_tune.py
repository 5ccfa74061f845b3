"""`scripts/tune` in a short form: every candidate is served and measured. The speed is not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_lab.tune.candidates import Settings, batching, instances_and_threads
from cronnx_lab.tune.halving import kept
from cronnx_lab.tune.tuning import Stage, Tuning
from cronnx_server import repository
from cronnx_server.paths import ROOT
from tests.server.efficientnet import EfficientNetRepository

NAME, NETWORK, PREPROCESS = EfficientNetRepository.ensemble, EfficientNetRepository.classifier, "preprocess_224"
CORES, CONCURRENCY = 1, 2


@pytest.fixture
def tuning(tmp_path: Path) -> Tuning:
    EfficientNetRepository(tmp_path).write()
    return Tuning(NAME, [tmp_path], cores=CORES, case_s=0.3)


def rows(stage: Stage) -> list[tuple[int, int]]:
    return [(each.rounds, each.failed) for each in stage.standings]


def test_every_candidate_answers_in_its_rounds_and_what_is_found_is_served_as_a_profile(tuning: Tuning) -> None:
    found, stages = tuning.run(minutes=0.01, concurrency=CONCURRENCY)
    assert [(each.step, len(each.tried)) for each in stages] == [
        (NETWORK, len(instances_and_threads(Settings(), cores=CORES))),
        (NETWORK, len(batching(Settings(), max_batch_size=16, concurrency=CONCURRENCY))),
        (PREPROCESS, len(instances_and_threads(Settings(), cores=CORES))),
    ]
    for each in stages:
        assert rows(each)[0] == (3, 0)
        assert sorted(rows(each))[-1 - kept(len(each.tried) - 1) :] == [(3, 0)] * (1 + kept(len(each.tried) - 1))
        assert all(standing.images_per_s > 0 and standing.cpu_s_per_image > 0 for standing in each.standings)
    written = tuning.write(found, profile="fast")
    assert len(written) == len(tuning.changes(found))
    for path in written:
        assert repository.read_config(path.parents[1], profile="fast").input


def test_what_cannot_be_tuned_is_named_in_one_line() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "tune"), "nonesuch"]
    ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("tune: there is no model 'nonesuch'")
