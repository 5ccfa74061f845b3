from __future__ import annotations

import dataclasses

import pytest

from cronnx_server.doctor.checks import threads
from cronnx_server.doctor.machine import Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk

THREADS = 'parameters {{ key: "{}" value {{ string_value: "{}" }} }} max_batch_size'


def test_a_thread_a_core_fits(disk: OnDisk, laptop: Machine) -> None:
    assert not list(threads.check(disk.read(), laptop))


def test_two_instances_that_each_use_every_core_are_named(disk: OnDisk, laptop: Machine) -> None:
    path = disk.change("net", "count: 1", "count: 2")
    (finding,) = threads.check(disk.read(), laptop)
    assert finding.path == path
    assert finding.problem == "2 instances of 2 threads each on 2 cores"
    assert "set intra_op_thread_count to 1" in finding.remedy


def test_instances_that_share_the_cores_fit(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 2")
    disk.change("net", "max_batch_size", THREADS.format("intra_op_thread_count", 1))
    assert not list(threads.check(disk.read(), laptop))


@pytest.mark.parametrize(("model", "parameter"), [("net", "intra_op_thread_count"), ("preprocess", "threads")])
def test_more_threads_than_cores_are_named(disk: OnDisk, laptop: Machine, model: str, parameter: str) -> None:
    disk.change(model, "max_batch_size", THREADS.format(parameter, 3))
    (finding,) = threads.check(disk.read(), laptop)
    assert finding.problem == "1 instance of 3 threads each on 2 cores"


def test_a_container_with_fewer_cores_than_it_sees_is_named(disk: OnDisk, laptop: Machine) -> None:
    container = dataclasses.replace(laptop, cores=64, core_limit=1.5)
    problems = {finding.problem for finding in threads.check(disk.read(), container)}
    assert problems == {"1 instance of 64 threads each on 64 cores, of which the container may use 1.5"}


def test_sessions_on_a_gpu_need_no_core_each(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 4")
    assert not list(threads.check(disk.read(), dataclasses.replace(laptop, gpus=1)))
