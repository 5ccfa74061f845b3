"""The cores that this process may use: those of its affinity, and no more than the CPU quota of its cgroup.

Affinity does not show a quota: a container limited to 4 of 64 cores sees 64, and 64 threads spend most of their time
throttled. Source: `cpu.max` in the kernel's cgroup-v2 documentation, and `cpu.cfs_quota_us` of version 1.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """The number of threads that can run at a time; a part of a core counts as one."""
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), quota_cores())))


def quota_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> float:
    """How many cores' time the process may use: the smallest quota of its cgroup and of those around it.

    Args:
        cgroups: Where the cgroups are mounted. In a container its own cgroup is the top one.
        membership: The file that names the cgroup of the process.

    Returns:
        Quota by period; infinite without a quota.
    """
    quotas = [_read(folder / "cpu.max") for folder in _around(cgroups, membership)]
    quotas.append(_read(cgroups / "cpu" / "cpu.cfs_quota_us", cgroups / "cpu" / "cpu.cfs_period_us"))
    return min(quotas)


def _around(cgroups: Path, membership: Path) -> Iterator[Path]:
    """The folders of the process's cgroup of version 2 and of those around it."""
    yield cgroups
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            folder = cgroups
            for name in Path(line.removeprefix("0::/")).parts:
                folder /= name
                yield folder


def _read(*files: Path) -> float:
    """The quota by the period that these files have one after the other; infinite if there is none."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError):  # no such controller, or `max`
        return math.inf
