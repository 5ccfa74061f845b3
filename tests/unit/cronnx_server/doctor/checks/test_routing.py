from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import routing
from tests.unit.cronnx_server.doctor.conftest import OnDisk

ROUTER = """
backend: "router"
max_batch_size: 8
input [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 4, 4, 3 ] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 5 ] } ]
parameters { key: "arms" value { string_value: "net/1=100" } }
"""


@pytest.fixture
def disk(disk: OnDisk) -> OnDisk:
    disk.add("route", ROUTER, {"1/.gitkeep": b""})
    return disk


def problems(disk: OnDisk) -> list[str]:
    found = list(routing.check(disk.read()))
    assert {finding.path for finding in found} <= {disk.root / "route" / "config.pbtxt"}
    return [finding.problem for finding in found]


def test_arms_that_are_there_are_fine(disk: OnDisk) -> None:
    assert problems(disk) == []


def test_an_arm_of_a_model_that_is_not_there_is_named(disk: OnDisk) -> None:
    disk.change("route", "net/1=100", "net/1=90 nett/1=10")
    assert problems(disk) == ["the arm nett/1 is of a model that is in none of the repositories"]


def test_an_arm_of_a_version_that_is_not_there_is_named(disk: OnDisk) -> None:
    disk.change("route", "net/1=100", "net/1=90 net/2=10")
    assert problems(disk) == ["an arm asks for net version 2; there is 1"]


def test_an_arm_that_the_policy_does_not_load_is_named(disk: OnDisk) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    disk.change("route", "net/1=100", "net/1=90 net/2=10")
    assert problems(disk) == ["an arm asks for net version 1, which its version_policy does not load"]


def test_a_shadow_is_an_arm(disk: OnDisk) -> None:
    for model in ("net", "route"):
        disk.change(model, 'name: "score" data_type: TYPE_FP32', 'name: "class_id" data_type: TYPE_INT64')
    disk.change("route", "parameters", 'parameters { key: "shadow" value { string_value: "net/3" } } parameters')
    assert problems(disk) == ["an arm asks for net version 3; there is 1"]


def test_an_output_that_an_arm_gives_otherwise_is_named(disk: OnDisk) -> None:
    disk.change("route", "dims: [ 5 ]", "dims: [ 6 ]")
    assert problems(disk) == ["output 'score' is TYPE_FP32 [6], its arm net gives TYPE_FP32 [5]"]


def test_an_arm_whose_config_cannot_be_read_is_not_called_missing(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size", "max_batch_sise")
    assert problems(disk) == []


def test_a_malformed_arm_is_left_to_the_backend(disk: OnDisk) -> None:
    disk.change("route", "net/1=100", "net=100")
    assert problems(disk) == []
