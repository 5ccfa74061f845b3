from __future__ import annotations

import dataclasses

import pytest

from cronnx_server.doctor.checks.instances import all_instances, cpu_instances
from cronnx_server.doctor.machine import Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk


@pytest.mark.parametrize(
    ("groups", "on_the_cpu", "on_the_cpu_beside_gpus", "beside_gpus"),
    [
        ("", 2, 0, 2),
        ("instance_group [ { count: 1 } ]", 1, 0, 2),
        ("instance_group [ { count: 3 kind: KIND_CPU }, { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]", 3, 3, 4),
    ],
    ids=["none given", "of any kind", "of both kinds"],
)
def test_instances_are_counted_as_core_makes_them(
    disk: OnDisk, laptop: Machine, groups: str, on_the_cpu: int, on_the_cpu_beside_gpus: int, beside_gpus: int
) -> None:
    disk.change("net", "instance_group [ { count: 1 } ]", groups)
    model, workstation = disk.read().by_name["net"], dataclasses.replace(laptop, gpus=2)
    assert cpu_instances(model, laptop) == on_the_cpu
    assert cpu_instances(model, workstation) == on_the_cpu_beside_gpus
    assert all_instances(model, workstation) == beside_gpus


def test_a_model_of_another_backend_has_one_where_none_is_given(disk: OnDisk, laptop: Machine) -> None:
    disk.change("preprocess", "instance_group [ { count: 1 } ]", "")
    assert cpu_instances(disk.read().by_name["preprocess"], laptop) == 1
