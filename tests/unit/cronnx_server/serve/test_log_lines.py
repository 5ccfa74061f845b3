"""The log stays small and readable, whatever the server writes."""

from __future__ import annotations

import itertools

import pytest

from cronnx_server.serve.log_lines import MOST_REPEATS, without_floods, without_gpu_errors, without_start_and_stop

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


START = """\
I1128 17:49:35.910599 17234 model_lifecycle.cc:472] "loading: net:1"
W1128 17:49:35.910600 17234 a.cc:1] "a warning"
I1128 17:49:36.000000 17234 server.cc:674]
+-------+---------+--------+
| Model | Version | Status |
+-------+---------+--------+

a line of a library
E1128 17:49:36.000001 17234 model_lifecycle.cc:654] "failed to load 'net' version 1: Internal: broken"
I1128 17:49:36.000002 17234 http_server.cc:4729] "Started HTTPService at 127.0.0.1:8000"
I1128 17:49:36.000003 17234 http_server.cc:362] "Started Metrics Service at 127.0.0.1:8002"
I1128 17:49:37.000000 17234 model_lifecycle.cc:839] "successfully loaded 'net'"
"""


def test_of_a_start_only_warnings_errors_and_lines_of_libraries_are_shown() -> None:
    shown = [line.rpartition("] ")[2] for line in without_start_and_stop(START.splitlines())]
    assert shown == [
        '"a warning"',
        "a line of a library",
        "\"failed to load 'net' version 1: Internal: broken\"",
        "\"successfully loaded 'net'\"",
    ]


def test_of_its_end_the_server_says_that_it_waits_for_requests() -> None:
    running = 'I1129 00:24:04.500000 1 model_lifecycle.cc:472] "loading: net:2"'
    waiting = 'I1129 00:24:05.178432 1 server.cc:305] "Waiting for in-flight requests to complete."'
    unloaded = """I1129 00:24:05.179993 1 model_lifecycle.cc:624] "successfully unloaded 'net' version 1\""""
    error = 'E1129 00:24:05.184125 1 model_lifecycle.cc:1] "a stub did not end"'
    started = START.splitlines()
    shown = list(without_start_and_stop([*started, running, waiting, unloaded, error, unloaded]))
    assert shown[-3:] == [running, waiting, error]
