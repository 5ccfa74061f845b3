from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cronnx_preprocess.cores import quota_cores, usable_cores

Files = dict[str, str]
NO_QUOTA = "max 100000\n"


@pytest.fixture
def quota(tmp_path: Path) -> Callable[[Files], float]:
    """The quota that these files give; those of cgroups are in the folder `cgroup`."""

    def quota(files: Files) -> float:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return quota_cores(tmp_path / "cgroup", tmp_path / "membership")

    return quota


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, math.inf),
        ({"cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"cgroup/cpu.max": NO_QUOTA}, math.inf),
        ({"cgroup/cpu.max": "no number\n"}, math.inf),
        ({"cgroup/cpu/cpu.cfs_quota_us": "400000\n", "cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cgroup/cpu/cpu.cfs_quota_us": "-1\n", "cgroup/cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
    ],
    ids=["no cgroup", "version 2", "version 2 without", "unreadable", "version 1", "version 1 without"],
)
def test_a_containers_quota_is_that_of_its_top_cgroup(
    quota: Callable[[Files], float], files: Files, cores: float
) -> None:
    assert quota(files) == cores


def test_the_smallest_quota_around_a_process_counts(quota: Callable[[Files], float]) -> None:
    files = {
        "membership": "1:cpu:/\n0::/machine.slice/pod/server\n",
        "cgroup/cpu.max": NO_QUOTA,
        "cgroup/machine.slice/cpu.max": "800000 100000\n",
        "cgroup/machine.slice/pod/cpu.max": "250000 50000\n",
        "cgroup/machine.slice/pod/server/cpu.max": "1200000 100000\n",
        "cgroup/other/cpu.max": "100000 100000\n",
    }
    assert quota(files) == 5


def test_a_cgroup_that_is_not_mounted_here_has_no_say(quota: Callable[[Files], float]) -> None:
    assert quota({"membership": "0::/../../host\n", "cgroup/cpu.max": "300000 100000\n"}) == 3


def test_as_many_cores_as_affinity_and_quota_allow_are_used() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))
