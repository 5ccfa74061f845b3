"""The log stays small and readable, whatever the server writes."""

from __future__ import annotations

import itertools

import pytest

from cronnx_server.serve.log_lines import MOST_REPEATS, without_floods, without_gpu_errors

ACCEPT = "[warn] Error from accept() call: Too many open files"


class Clock:
    def __init__(self, step_s: float) -> None:
        self._times = itertools.count(0.0, step_s)

    def __call__(self) -> float:
        return next(self._times)


def test_a_line_that_is_repeated_in_a_moment_is_shown_a_few_times_and_then_counted() -> None:
    shown = list(without_floods([ACCEPT] * 100_000, clock=Clock(0)))
    assert shown[:-1] == [ACCEPT] * MOST_REPEATS
    assert shown[-1] == f"{ACCEPT} (repeated {100_000 - MOST_REPEATS} more times within 1 s)"


def test_a_flood_of_seconds_is_a_few_lines_a_second() -> None:
    shown = list(without_floods([ACCEPT] * 10_000, clock=Clock(0.001)))
    assert len(shown) <= 11 * (MOST_REPEATS + 1)
    counted = sum(int(line.rpartition("repeated ")[2].split()[0]) for line in shown if "repeated" in line)
    assert counted + sum(line == ACCEPT for line in shown) == 10_000, "none is left out in silence"


def test_lines_that_differ_only_in_time_are_the_same() -> None:
    lines = [f'E0101 00:00:00.{number:06} 14341 a.cc:1] "full"' for number in range(100)]
    assert len(list(without_floods(lines, clock=Clock(0)))) == MOST_REPEATS + 1


@pytest.mark.parametrize("line", ["", 'V0101 00:00:00.000000 1 a.cc:1] "asked for"'], ids=["empty", "verbose"])
def test_empty_lines_of_tables_and_verbose_lines_are_all_shown(line: str) -> None:
    assert list(without_floods([line] * 100, clock=Clock(0))) == [line] * 100


def test_different_lines_are_all_shown_in_their_order() -> None:
    lines = [f"line {number}" for number in range(1000)]
    assert list(without_floods(lines, clock=Clock(0))) == lines


HARMLESS = """\
W1128 14:36:31.215527 28884 pinned_memory_manager.cc:273] "Unable to allocate pinned system memory, pinned memory pool will not be available: CUDA driver version is insufficient for CUDA runtime version"
E1128 14:36:31.215697 28884 server.cc:241] "CudaDriverHelper has not been initialized."
W1128 14:36:36.827148 28884 pinned_memory_manager.cc:170] "failed to allocate pinned system memory: no pinned memory pool, falling back to non-pinned system memory"
E1128 14:36:39.919759 28884 ensemble_scheduler.cc:1468] "unable to create stream for efficientnet_lite0: CUDA driver version is insufficient for CUDA runtime version"
Error: Failed to initialize NVML
W1128 14:36:39.922142 28884 metrics.cc:798] "DCGM unable to start: DCGM initialization error"
"""  # noqa: E501 - as Triton 24.10 writes them


def test_what_triton_writes_at_each_start_without_a_gpu_is_left_out_and_nothing_else() -> None:
    other = 'E1128 14:36:39.919759 28884 a.cc:1] "failed to load"'
    assert list(without_gpu_errors([*HARMLESS.splitlines(), other])) == [other]
