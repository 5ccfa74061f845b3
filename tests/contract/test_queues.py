"""That what comes on top of a step's capacity is refused, and that a refusal cannot leave an ensemble hanging."""

from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelQueuePolicy

from tests.contract import configs

BATCHED = [path for path in (*configs.DEFAULTS, *configs.PROFILES) if configs.read(path).backend]


@pytest.mark.parametrize("path", BATCHED, ids=configs.name)
def test_a_queue_is_bounded_in_length_and_in_time_and_holds_a_few_batches(path: Path) -> None:
    config = configs.read(path)
    policy = config.dynamic_batching.default_queue_policy
    assert policy.max_queue_size >= 4 * config.max_batch_size
    assert policy.timeout_action == ModelQueuePolicy.REJECT
    assert policy.default_timeout_microseconds > 10 * config.dynamic_batching.max_queue_delay_microseconds
    assert policy.default_timeout_microseconds > 0


@pytest.mark.parametrize("path", BATCHED, ids=configs.name)
def test_no_request_has_a_queue_of_its_own_rules(path: Path) -> None:
    batching = configs.read(path).dynamic_batching
    assert not batching.priority_levels
    assert not batching.priority_queue_policy


@pytest.mark.parametrize("path", configs.ENSEMBLE_MODELS, ids=configs.name)
def test_the_steps_of_an_ensemble_run_one_after_the_other(path: Path) -> None:
    # Triton before 26.02 never answers where a step is refused while another one of the same request is at work.
    first, *others = configs.read(path).ensemble_scheduling.step
    before = first
    for step in others:
        assert set(step.input_map.values()) & set(before.output_map.values())
        before = step
