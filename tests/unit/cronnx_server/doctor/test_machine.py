from __future__ import annotations

import dataclasses
import os

from cronnx_server.doctor.machine import Machine, this_machine
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
