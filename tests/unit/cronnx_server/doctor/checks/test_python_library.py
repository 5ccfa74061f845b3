from __future__ import annotations

import dataclasses

from cronnx_server.doctor.checks import python_library
from cronnx_server.doctor.machine import Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_a_library_that_the_stubs_lack_is_named_with_its_package(disk: OnDisk, laptop: Machine) -> None:
    machine = dataclasses.replace(laptop, missing_library="libpython3.12.so.1.0")
    (finding,) = python_library.check(disk.read(), machine)
    assert finding.problem.startswith("libpython3.12.so.1.0 is missing")
    assert "apt-get install libpython3." in finding.remedy


def test_no_stub_needs_no_library(disk: OnDisk, laptop: Machine) -> None:
    machine = dataclasses.replace(laptop, missing_library="libpython3.12.so.1.0", python_based={"onnxruntime": False})
    assert not list(python_library.check(disk.read(), machine))
