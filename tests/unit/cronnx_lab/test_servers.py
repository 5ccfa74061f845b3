from __future__ import annotations

import mmap
import os
import subprocess
import sys

import psutil
import pytest

from cronnx_lab.errors import MeasurementError
from cronnx_lab.servers import ProcessTree

SHARED_BYTES = 2**20
USE_A_LITTLE = (
    "import time\nwhile time.process_time() < 0.3: pass\nx = bytearray(30_000_000)\nprint(1, flush=True)\ninput()"
)


def test_what_a_child_uses_is_counted() -> None:
    # The parent is a shell, not this process, whose part of a library shrinks when any other process maps it.
    command = ["sh", "-c", '"$0" -c "$1"; exit', sys.executable, USE_A_LITTLE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        (child,) = psutil.Process(shell.pid).children()
        for root in (shell.pid, child.pid):
            assert ProcessTree([root]).cpu_s() >= 0.2
            assert ProcessTree([root]).pss_bytes() > 30_000_000
        shell.communicate("\n")


def test_a_tree_with_several_roots_is_their_sum() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        together = ProcessTree([os.getpid(), child.pid]).cpu_s()
        assert together >= ProcessTree([child.pid]).cpu_s()
        child.communicate()


def test_a_process_that_has_ended_is_named() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    with pytest.raises(MeasurementError, match=f"process {child.pid} of the server under test exited"):
        ProcessTree([child.pid]).cpu_s()


def test_shared_memory_and_descriptors_are_counted() -> None:
    ourselves = ProcessTree([os.getpid()])
    shared_memory_bytes, descriptors = ourselves.shared_memory_bytes(), ourselves.descriptors()
    with mmap.mmap(-1, SHARED_BYTES) as memory, open(os.devnull):  # noqa: PTH123 - a descriptor, not a path
        memory.write(bytes(SHARED_BYTES))
        assert ourselves.shared_memory_bytes() - shared_memory_bytes >= SHARED_BYTES
        assert ourselves.descriptors() > descriptors
