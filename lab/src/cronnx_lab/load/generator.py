"""A load generator's process, and what it and the contender use meanwhile."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cronnx_lab.servers import Family
from cronnx_server.errors import SetupError

SAMPLE_EVERY_S = 1.0

# Long past any leg: a server that has stopped answering is to end the run, not to hold it.
LONGEST_S = 120.0


@dataclass(frozen=True)
class Usage:
    """CPU time of the contender and of the generator, and the most memory the contender was seen with."""

    cpu_s: float
    generator_cpu_s: float
    pss_bytes: int


def run(
    command: Sequence[str], *, family: Family, stdin: str = "", environment: Mapping[str, str] | None = None
) -> tuple[str, Usage]:
    """Run a generator to its end; what it wrote to stdout, and what it took.

    Raises:
        SetupError: it failed; its last line says why.
    """
    cpu_s, own_cpu_s, pss_bytes = family.cpu_s(), _ended_children_cpu_s(), 0
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors, pss_bytes = _communicate(process, stdin, family)
        finally:
            process.kill()
    if process.returncode:
        raise SetupError(f"the load generator {command[0]} failed: {_cause(errors or output)}")
    return output, Usage(family.cpu_s() - cpu_s, _ended_children_cpu_s() - own_cpu_s, pss_bytes)


def _communicate(process: subprocess.Popen[str], stdin: str, family: Family) -> tuple[str, str, int]:
    unsent: str | None = stdin
    pss_bytes, gives_up_at = 0, time.monotonic() + LONGEST_S
    while time.monotonic() < gives_up_at:
        try:
            output, errors = process.communicate(unsent, timeout=SAMPLE_EVERY_S)
        except subprocess.TimeoutExpired:
            unsent = None
            pss_bytes = max(pss_bytes, family.pss_bytes())
        else:
            return output, errors, max(pss_bytes, family.pss_bytes())
    raise SetupError(f"the load generator got no answer for {LONGEST_S:g} s")


def _cause(text: str) -> str:
    """The line that says why: perf_analyzer explains its usage after it."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if line.lower().startswith("error")), lines[-1])


def _ended_children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
