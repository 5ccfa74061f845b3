"""The lines of the server's log, without floods, errors that are known to be harmless, and its start and stop."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

MOST_REPEATS = 10
PERIOD_S = 1.0

_STAMP = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ ")
_LAST_OF_START = '"Started Metrics Service at '
_FIRST_OF_STOP = '"Waiting for in-flight requests to complete."'
_WITHOUT_GPU = re.compile(
    "CUDA driver version is insufficient|no CUDA-capable device|CudaDriverHelper has not been initialized|"
    "no pinned memory pool|Failed to initialize NVML|DCGM unable to start"
)


def without_gpu_errors(lines: Iterable[str]) -> Iterator[str]:
    """Leave out the errors that Triton logs at each start on a machine without a GPU."""
    return (line for line in lines if not _WITHOUT_GPU.search(line))


def without_start_and_stop(lines: Iterable[str]) -> Iterator[str]:
    """Leave out Triton's messages and tables about its start and its end.

    These are all up to the line that says that it listens, and all after the one that says that it waits for requests
    in order to end. Warnings, errors and what other libraries print stay.
    """
    is_running, in_table = False, False
    for line in lines:
        stamp = _STAMP.match(line)
        if in_table and not stamp:
            in_table = bool(line.strip())
            continue
        is_information = line.startswith("I") and stamp is not None
        in_table = is_information and not is_running and line.rstrip().endswith("]")
        if not is_information:
            yield line
        elif is_running:
            yield line
            is_running = _FIRST_OF_STOP not in line
        else:
            is_running = _LAST_OF_START in line


def without_floods(lines: Iterable[str], *, clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Let the same line pass `MOST_REPEATS` times within `PERIOD_S`, and count the others.

    Lines are the same if they differ only in their time. Verbose lines and empty lines are not counted.

    Args:
        lines: The lines of the log, without line ends.
        clock: Returns the time in seconds.
    """
    counts: Counter[str] = Counter()
    ends_s = clock() + PERIOD_S
    for line in lines:
        now_s = clock()
        if now_s >= ends_s:
            yield from _counted(counts)
            counts.clear()
            ends_s = now_s + PERIOD_S
        if line and not line.startswith("V"):
            text = _STAMP.sub("", line, count=1)
            counts[text] += 1
            if counts[text] > MOST_REPEATS:
                continue
        yield line
    yield from _counted(counts)


def _counted(counts: Counter[str]) -> Iterator[str]:
    for text, count in counts.items():
        if count > MOST_REPEATS:
            yield f"{text} (repeated {count - MOST_REPEATS} more times within {PERIOD_S:g} s)"
