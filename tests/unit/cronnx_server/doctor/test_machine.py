from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import pytest

from cronnx_server.doctor.machine import Machine, quota_cores, this_machine
from cronnx_server.serve.tritonserver import OUR_BACKENDS


def test_this_machine_is_one_that_the_tests_run_on() -> None:
    machine = this_machine()
    assert machine.cores == len(os.sched_getaffinity(0))
    assert 0 < machine.core_limit <= machine.cores
    assert machine.shared_memory_free_bytes > 0
    assert {*OUR_BACKENDS, "python"} <= machine.python_based.keys()
    assert machine.missing_library is None


def test_threads_are_as_many_as_asked_for_or_one_a_core(laptop: Machine) -> None:
    machine = dataclasses.replace(laptop, cores=6)
    assert (machine.threads(4), machine.threads(0)) == (4, 6)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({}, math.inf),
    ],
    ids=["version 2", "version 2 without a quota", "version 1", "version 1 without a quota", "no cgroup"],
)
def test_a_containers_quota_is_read_from_its_cgroup(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert quota_cores(tmp_path) == cores
