"""A server may open as many files as the machine allows, and its threads have large stacks."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.limits import STACK_BYTES, stack_limit

RAISE = """
import resource, subprocess, sys
from pathlib import Path
from cronnx_server.limits import raise_limits

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
raise_limits(overcommit=Path(sys.argv[1]))
subprocess.run(["sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Ss"])
"""


def limits(overcommit: Path) -> list[str]:
    """The limits of a process that one with raised limits starts: open files soft and hard, and the stack in KiB."""
    command = [sys.executable, "-c", RAISE, str(overcommit)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("overcommit", "is_raised"), [("0\n", True), ("1\n", True), ("2\n", False)])
def test_a_server_inherits_raised_limits(tmp_path: Path, overcommit: str, is_raised: bool) -> None:
    (tmp_path / "overcommit_memory").write_text(overcommit)
    soft_files, hard_files, stack = limits(tmp_path / "overcommit_memory")
    assert soft_files == hard_files
    before = resource.getrlimit(resource.RLIMIT_STACK)
    expected = stack_limit(*before) if is_raised else before[0]
    assert stack == ("unlimited" if expected == resource.RLIM_INFINITY else str(expected // 1024))


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (8 << 20, resource.RLIM_INFINITY, STACK_BYTES),
        (8 << 20, 64 << 20, 64 << 20),
        (STACK_BYTES * 2, resource.RLIM_INFINITY, STACK_BYTES * 2),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, STACK_BYTES),
    ],
    ids=["usual", "a low hard limit", "already more", "no limit, which gives threads 2 MiB"],
)
def test_the_stack_is_as_large_as_the_hard_limit_allows(soft: int, hard: int, expected: int) -> None:
    assert stack_limit(soft, hard) == expected
