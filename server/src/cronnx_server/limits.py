"""The limits of the operating system with which a server starts: open files, and the stack of a thread."""

from __future__ import annotations

import resource
from pathlib import Path

STACK_BYTES = 256 * 2**20
"""Triton reads a form-encoded body into two arrays on the stack, and nested JSON by recursion: with the usual 8 MiB, a
form-encoded body over 4 MiB, which is what `curl -d` sends by default, crashes it. Only what is used takes memory."""

OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")
_NEVER = "2"  # the kernel counts memory that is reserved and not used: vm.overcommit_memory in its documentation


def raise_limits(*, overcommit: Path = OVERCOMMIT) -> None:
    """Raise the limits of this process and of those that it starts, as far as the hard limits allow."""
    raise_open_files()
    if overcommit.read_text().strip() != _NEVER:
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (stack_limit(soft, hard), hard))


def raise_open_files() -> None:
    """Let this process and those that it starts open as many files as the hard limit allows."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def stack_limit(soft: int, hard: int) -> int:
    """The soft limit of the stack, in bytes: without a limit, the C library gives threads only 2 MiB."""
    wanted = STACK_BYTES if soft == resource.RLIM_INFINITY else max(soft, STACK_BYTES)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
