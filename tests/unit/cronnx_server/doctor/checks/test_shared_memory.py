from __future__ import annotations

import dataclasses

from cronnx_server.doctor.checks import shared_memory
from cronnx_server.doctor.machine import SHARED_MEMORY, Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk

NET_BYTES = 2**20 + 8 * (48 + 5 * 4 + 4)
PREPROCESS_BYTES = 2**20 + 16 * 48


def test_full_batches_of_every_instance_fit_or_are_named(disk: OnDisk, laptop: Machine) -> None:
    needed = NET_BYTES + PREPROCESS_BYTES
    enough = dataclasses.replace(laptop, shared_memory_free_bytes=needed)
    assert not list(shared_memory.check(disk.read(), enough))
    (finding,) = shared_memory.check(disk.read(), dataclasses.replace(laptop, shared_memory_free_bytes=needed - 1))
    assert finding.path == SHARED_MEMORY
    assert finding.problem.endswith("need at least 2 MiB")


def test_every_instance_of_every_loaded_version_counts(disk: OnDisk, laptop: Machine) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    disk.change("net", "max_batch_size", "version_policy { all { } } max_batch_size")
    disk.change("net", "count: 1", "count: 3")
    needed = 2 * 3 * NET_BYTES + PREPROCESS_BYTES
    short = dataclasses.replace(laptop, shared_memory_free_bytes=needed - 1)
    assert list(shared_memory.check(disk.read(), short))
    assert not list(shared_memory.check(disk.read(), dataclasses.replace(laptop, shared_memory_free_bytes=needed)))


def test_a_backend_that_is_no_python_needs_none(disk: OnDisk, laptop: Machine) -> None:
    nvidia = dataclasses.replace(
        laptop,
        shared_memory_free_bytes=PREPROCESS_BYTES,
        python_based={**laptop.python_based, "onnxruntime": False},
    )
    assert not list(shared_memory.check(disk.read(), nvidia))
