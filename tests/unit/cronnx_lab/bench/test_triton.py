from __future__ import annotations

from pathlib import Path

from cronnx import ModelStatistics
from cronnx_lab.bench.triton import step_times, write_pinned
from cronnx_lab.measurement import StepTimes
from cronnx_server import repository

STATISTICS = ModelStatistics(
    name="net",
    version="2",
    inference_count=12,
    execution_count=3,
    last_inference_ms=0,
    success_count=10,
    success_ns=5_000_000_000,
    fail_count=2,
    fail_ns=1,
    queue_ns=1_000_000_000,
    compute_input_ns=200_000_000,
    compute_infer_ns=3_000_000_000,
    compute_output_ns=300_000_000,
    batch_sizes={},
)


def test_times_are_in_seconds_and_leave_out_requests_that_failed() -> None:
    assert step_times(STATISTICS) == StepTimes(10, 3, 5.0, 1.0, 0.2, 3.0, 0.3)


def test_an_ensemble_is_pinned_to_a_version_of_its_network(tmp_path: Path) -> None:
    name = write_pinned("efficientnet_lite0", 2, tmp_path)
    config = repository.read_config(tmp_path / name)
    assert (name, config.name) == ("efficientnet_lite0_v2", "efficientnet_lite0_v2")
    assert [step.model_version for step in config.ensemble_scheduling.step] == [-1, 2]
