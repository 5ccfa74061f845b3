from __future__ import annotations

import dataclasses

import pytest

from cronnx_server.doctor.checks import backends
from cronnx_server.doctor.machine import Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_a_backend_that_is_not_here_is_named_with_those_that_are(disk: OnDisk, laptop: Machine) -> None:
    path = disk.change("net", "onnxruntime", "onnxruntme")
    (finding,) = backends.installed(disk.read(), laptop)
    assert finding.path == path
    assert finding.problem == "backend 'onnxruntme' is not installed; there are onnxruntime, preprocess, python"


@pytest.mark.parametrize("platform", ["tensorrt_plan", ""], ids=["another platform", "none"])
def test_a_model_that_nothing_here_serves_is_named(disk: OnDisk, laptop: Machine, platform: str) -> None:
    path = disk.change("preprocess", 'backend: "preprocess"', f'platform: "{platform}"')
    (finding,) = backends.installed(disk.read(), laptop)
    assert finding.path == path


def test_the_platform_of_onnx_models_is_a_backend(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", 'backend: "onnxruntime"', 'platform: "onnxruntime_onnx"')
    assert not list(backends.installed(disk.read(), laptop))


@pytest.mark.parametrize(
    ("model", "key", "value", "problem"),
    [
        ("net", "intra_op_thread_cout", "1", "unknown parameter 'intra_op_thread_cout'"),
        ("net", "execution_mode", "2", "parameter 'execution_mode': expected a whole number from 0 to 1, got '2'"),
        ("preprocess", "resise", "exact", "unknown parameter 'resise'"),
        ("preprocess", "fill", "700", "expected one or three whole numbers from 0 to 255"),
    ],
)
def test_a_parameter_that_its_backend_refuses_is_named(
    disk: OnDisk, model: str, key: str, value: str, problem: str
) -> None:
    text = f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }} max_batch_size'
    path = disk.change(model, "max_batch_size", text)
    (finding,) = backends.parameters(disk.read())
    assert finding.path == path
    assert problem in finding.problem


def test_a_tensor_that_its_backend_refuses_is_named(disk: OnDisk) -> None:
    disk.change("preprocess", "TYPE_UINT8", "TYPE_INT8")
    (finding,) = backends.parameters(disk.read())
    assert "TYPE_INT8" in finding.problem


def test_a_parameter_that_the_router_refuses_is_named(disk: OnDisk) -> None:
    disk.add("route", 'backend: "router" parameters { key: "weights" value { string_value: "net/1=1" } }')
    (finding,) = backends.parameters(disk.read())
    assert "unknown parameter 'weights'" in finding.problem


def test_a_library_that_the_stubs_lack_is_named_with_its_package(disk: OnDisk, laptop: Machine) -> None:
    machine = dataclasses.replace(laptop, missing_library="libpython3.12.so.1.0")
    (finding,) = backends.python_library(disk.read(), machine)
    assert finding.problem.startswith("libpython3.12.so.1.0 is missing")
    assert "apt-get install libpython3." in finding.remedy


def test_no_stub_needs_no_library(disk: OnDisk, laptop: Machine) -> None:
    machine = dataclasses.replace(laptop, missing_library="libpython3.12.so.1.0", python_based={"onnxruntime": False})
    assert not list(backends.python_library(disk.read(), machine))
