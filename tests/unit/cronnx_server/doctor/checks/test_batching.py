from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import batching
from cronnx_server.doctor.findings import Severity
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_an_ensemble_whose_batch_is_over_a_steps_is_named_with_both(disk: OnDisk) -> None:
    path = disk.change("classify", "max_batch_size: 8", "max_batch_size: 12")
    (finding,) = batching.check(disk.read())
    assert (finding.path, finding.severity) == (path, Severity.ERROR)
    assert finding.problem == "max_batch_size is 12, but its step net takes at most 8"


@pytest.mark.parametrize(
    ("old", "new", "severity", "problem"),
    [
        ("dynamic_batching { }", "", Severity.WARNING, "no batcher combines requests"),
        ("max_batch_size: 16", "max_batch_size: 1", Severity.WARNING, "no effect with max_batch_size 1"),
        (
            "dynamic_batching { }",
            "dynamic_batching { preferred_batch_size: [ 8, 32 ] }",
            Severity.ERROR,
            "preferred_batch_size 32 is not from 1 to max_batch_size, 16",
        ),
        (
            "dynamic_batching { }",
            "dynamic_batching { preferred_batch_size: [ 1, 8 ] max_queue_delay_microseconds: 5 }",
            Severity.WARNING,
            "max_queue_delay_microseconds 5 has no effect",
        ),
        (
            "dynamic_batching { }",
            "dynamic_batching { default_queue_policy { max_queue_size: 64 } }",
            Severity.WARNING,
            "an instance may idle for half a second",
        ),
        (
            "dynamic_batching { }",
            "dynamic_batching { priority_levels: 2 }",
            Severity.WARNING,
            "turns off Triton's prefetching",
        ),
    ],
    ids=["no batcher", "batch of 1", "preferred over largest", "delay for 1", "queue policy", "priorities"],
)
def test_settings_that_fight_are_named(disk: OnDisk, old: str, new: str, severity: Severity, problem: str) -> None:
    disk.change("classify", "max_batch_size: 8", "max_batch_size: 1")
    path = disk.change("preprocess", old, new)
    (finding,) = batching.check(disk.read())
    assert (finding.path, finding.severity) == (path, severity)
    assert problem in finding.problem


def test_settings_that_go_together_are_fine(disk: OnDisk) -> None:
    disk.change(
        "net",
        "dynamic_batching { }",
        "dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 500 }",
    )
    assert not list(batching.check(disk.read()))
