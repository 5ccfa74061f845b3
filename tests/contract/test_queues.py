"""Each ensemble refuses requests beyond its queue, and a refusal cannot leave it hanging."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import json_format

from cronnx_preprocess import Options
from tests.contract import configs

BATCHED = [path for path in (*configs.DEFAULTS, *configs.PROFILES) if configs.read(path).backend]
PREPROCESS = [path for path in configs.DEFAULTS if configs.read(path).backend == "preprocess"]


@pytest.mark.parametrize("path", BATCHED, ids=configs.name)
def test_no_queue_of_tritons_own_is_bounded_which_would_idle_the_instance(path: Path) -> None:
    batching = configs.read(path).dynamic_batching
    assert not batching.HasField("default_queue_policy")
    assert not batching.priority_levels
    assert not batching.priority_queue_policy


@pytest.mark.parametrize("path", PREPROCESS, ids=configs.name)
def test_the_queue_of_preprocess_holds_a_few_batches(path: Path) -> None:
    config = configs.read(path)
    model_config = json_format.MessageToDict(config, preserving_proto_field_name=True)
    options = Options.from_model_config(model_config)
    assert options.max_queue_size >= 4 * config.max_batch_size
    assert options.default_timeout_microseconds > 0


@pytest.mark.parametrize("path", configs.ENSEMBLE_MODELS, ids=configs.name)
def test_the_first_step_of_an_ensemble_has_a_bounded_queue(path: Path) -> None:
    first = configs.read(path).ensemble_scheduling.step[0]
    assert first.model_name in {each.parent.name for each in PREPROCESS}


@pytest.mark.parametrize("path", configs.ENSEMBLE_MODELS, ids=configs.name)
def test_the_steps_of_an_ensemble_run_one_after_the_other(path: Path) -> None:
    # Before 26.02, Triton never answers if a step is refused while another step of the same request runs.
    first, *others = configs.read(path).ensemble_scheduling.step
    before = first
    for step in others:
        assert set(step.input_map.values()) & set(before.output_map.values())
        before = step
