"""Run a load generator to its end, and measure what it and the server use during the load."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from cronnx_lab.errors import MeasurementError
from cronnx_lab.load.answers import Answers, Order
from cronnx_lab.servers import ProcessTree

SAMPLE_EVERY_S = 1.0

# Far longer than any load: a server that stops answering ends the run instead of blocking it.
LONGEST_S = 120.0


@dataclass(frozen=True)
class Usage:
    """What a load used.

    Attributes:
        cpu_s: CPU time of the server.
        generator_cpu_s: CPU time of the generator.
        pss_bytes: The most memory the server was seen to use.
    """

    cpu_s: float
    generator_cpu_s: float
    pss_bytes: int


def generate(order: Order, processes: ProcessTree) -> tuple[Answers, Usage]:
    """Run the project's own generator.

    Args:
        order: The load.
        processes: The server's.

    Raises:
        MeasurementError: The server cannot be reached, closes a connection of a closed loop, or exits.
    """
    command = [sys.executable, "-m", "cronnx_lab.load.generator"]
    output, usage = run(command, processes=processes, stdin=json.dumps(asdict(order)))
    found = json.loads(output)
    return Answers(**{**found, "answers": list(map(tuple, found["answers"]))}), usage


def run(
    command: Sequence[str], *, processes: ProcessTree, stdin: str = "", environment: Mapping[str, str] | None = None
) -> tuple[str, Usage]:
    """Run a generator to its end.

    Args:
        command: Its command line.
        processes: The server's.
        stdin: Its standard input.
        environment: Its environment variables; None for those of this process.

    Returns:
        What it wrote to standard output, and what it and the server used.

    Raises:
        MeasurementError: It failed, or did not end in time.
    """
    cpu_s, own_cpu_s, pss_bytes = processes.cpu_s(), _ended_children_cpu_s(), 0
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
            output, errors, pss_bytes = _communicate(process, stdin, processes)
        finally:
            process.kill()
    if process.returncode:
        raise MeasurementError(f"the load generator {command[0]} failed: {_cause(errors or output)}")
    return output, Usage(processes.cpu_s() - cpu_s, _ended_children_cpu_s() - own_cpu_s, pss_bytes)


def _communicate(process: subprocess.Popen[str], stdin: str, processes: ProcessTree) -> tuple[str, str, int]:
    unsent: str | None = stdin
    pss_bytes, gives_up_at = 0, time.monotonic() + LONGEST_S
    while time.monotonic() < gives_up_at:
        try:
            output, errors = process.communicate(unsent, timeout=SAMPLE_EVERY_S)
        except subprocess.TimeoutExpired:
            unsent = None
            pss_bytes = max(pss_bytes, processes.pss_bytes())
        else:
            return output, errors, max(pss_bytes, processes.pss_bytes())
    raise MeasurementError(f"expected the load generator to end within {LONGEST_S:g} s, it got no answer")


def _cause(text: str) -> str:
    """The line with the cause: perf_analyzer prints its usage after it."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if line.lower().startswith("error")), lines[-1])


def _ended_children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
