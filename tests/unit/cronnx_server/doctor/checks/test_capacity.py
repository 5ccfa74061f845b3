from __future__ import annotations

import dataclasses

import pytest

from cronnx_server.doctor.checks import capacity
from cronnx_server.doctor.machine import SHARED_MEMORY, Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk

THREADS = 'parameters {{ key: "{}" value {{ string_value: "{}" }} }} max_batch_size'


def test_a_thread_a_core_fits(disk: OnDisk, laptop: Machine) -> None:
    assert not list(capacity.threads(disk.read(), laptop))


def test_two_instances_that_each_use_every_core_are_named(disk: OnDisk, laptop: Machine) -> None:
    path = disk.change("net", "count: 1", "count: 2")
    (finding,) = capacity.threads(disk.read(), laptop)
    assert finding.path == path
    assert finding.problem == "2 instances with 2 threads each on 2 cores"
    assert "set intra_op_thread_count to 1" in finding.remedy


def test_instances_that_share_the_cores_fit(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 2")
    disk.change("net", "max_batch_size", THREADS.format("intra_op_thread_count", 1))
    assert not list(capacity.threads(disk.read(), laptop))


@pytest.mark.parametrize(("model", "parameter"), [("net", "intra_op_thread_count"), ("preprocess", "threads")])
def test_more_threads_than_cores_are_named(disk: OnDisk, laptop: Machine, model: str, parameter: str) -> None:
    disk.change(model, "max_batch_size", THREADS.format(parameter, 3))
    (finding,) = capacity.threads(disk.read(), laptop)
    assert finding.problem == "1 instance with 3 threads each on 2 cores"


def test_a_container_with_fewer_cores_than_it_sees_is_named(disk: OnDisk, laptop: Machine) -> None:
    container = dataclasses.replace(laptop, cores=64, core_limit=1.5)
    problems = {finding.problem for finding in capacity.threads(disk.read(), container)}
    assert problems == {"1 instance with 64 threads each on 64 cores, of which the container may use 1.5"}


def test_sessions_on_a_gpu_need_no_core_each(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 4")
    assert not list(capacity.threads(disk.read(), dataclasses.replace(laptop, gpus=1)))


def test_a_model_for_gpus_is_named_where_there_is_none(disk: OnDisk, laptop: Machine) -> None:
    path = disk.change("net", "count: 1", "count: 1 kind: KIND_GPU")
    (finding,) = capacity.gpus(disk.read(), laptop)
    assert (finding.path, finding.problem) == (path, "an instance_group of KIND_GPU, and no GPU")
    assert not list(capacity.gpus(disk.read(), dataclasses.replace(laptop, gpus=1)))


NET_BYTES = 2**20 + 8 * (48 + 5 * 4 + 4)
PREPROCESS_BYTES = 2**20 + 16 * 48


def test_full_batches_of_every_instance_fit_or_are_named(disk: OnDisk, laptop: Machine) -> None:
    needed = NET_BYTES + PREPROCESS_BYTES
    enough = dataclasses.replace(laptop, shared_memory_free_bytes=needed)
    assert not list(capacity.shared_memory(disk.read(), enough))
    (finding,) = capacity.shared_memory(disk.read(), dataclasses.replace(laptop, shared_memory_free_bytes=needed - 1))
    assert finding.path == SHARED_MEMORY
    assert finding.problem.endswith("need at least 2 MiB")


def test_every_instance_of_every_loaded_version_counts(disk: OnDisk, laptop: Machine) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    disk.change("net", "max_batch_size", "version_policy { all { } } max_batch_size")
    disk.change("net", "count: 1", "count: 3")
    needed = 2 * 3 * NET_BYTES + PREPROCESS_BYTES
    short = dataclasses.replace(laptop, shared_memory_free_bytes=needed - 1)
    assert list(capacity.shared_memory(disk.read(), short))
    assert not list(capacity.shared_memory(disk.read(), dataclasses.replace(laptop, shared_memory_free_bytes=needed)))


def test_a_backend_that_is_no_python_needs_none(disk: OnDisk, laptop: Machine) -> None:
    nvidia = dataclasses.replace(
        laptop,
        shared_memory_free_bytes=PREPROCESS_BYTES,
        python_based={**laptop.python_based, "onnxruntime": False},
    )
    assert not list(capacity.shared_memory(disk.read(), nvidia))


def test_a_low_hard_limit_of_open_files_is_named_with_what_raises_it(disk: OnDisk, laptop: Machine) -> None:
    low, enough = (dataclasses.replace(laptop, most_open_files=each) for each in (1024, 4096))
    (finding,) = capacity.open_files(disk.read(), low)
    assert "1024 files" in finding.problem
    assert "LimitNOFILE" in finding.remedy
    assert not list(capacity.open_files(disk.read(), enough))
