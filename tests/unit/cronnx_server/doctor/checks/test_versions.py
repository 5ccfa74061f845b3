from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import versions
from cronnx_server.doctor.findings import Severity
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_a_model_without_a_version_folder_is_named(disk: OnDisk) -> None:
    (disk.preprocess / "1" / ".gitkeep").unlink()
    (disk.preprocess / "1").rmdir()
    (finding,) = versions.check(disk.read())
    assert (finding.path, finding.problem) == (disk.preprocess, "no version folder")


@pytest.mark.parametrize(
    ("named", "severity"),
    [("1, 4", Severity.WARNING), ("4", Severity.ERROR)],
    ids=["Triton loads the others", "there is no other"],
)
def test_a_policy_that_names_a_version_that_is_not_there_is_named(disk: OnDisk, named: str, severity: Severity) -> None:
    path = disk.change(
        "net", "max_batch_size", f"version_policy {{ specific {{ versions: [ {named} ] }} }} max_batch_size"
    )
    finding = next(versions.check(disk.read()))
    assert (finding.path, finding.severity) == (path, severity)
    assert finding.problem == "version_policy names version 4; there is 1"


def test_a_pinned_version_that_is_not_there_is_named_with_those_that_are(disk: OnDisk) -> None:
    path = disk.change("classify", "model_version: 1", "model_version: 7")
    disk.add("net", files={"2/model.onnx": b""})
    (finding,) = versions.check(disk.read())
    assert finding.path == path
    assert finding.problem == "a step asks for net version 7; there are 1, 2"


def test_a_pinned_version_that_the_policy_leaves_out_is_named(disk: OnDisk) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    (finding,) = versions.check(disk.read())
    assert finding.problem == "a step asks for net version 1, which its version_policy does not load"
    assert f"version_policy: {{ all {{ }} }} in {disk.net}/config.pbtxt" in finding.remedy


def test_the_remedy_for_a_version_left_out_works(disk: OnDisk) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    disk.change("net", "max_batch_size", "version_policy: { all { } } max_batch_size")
    assert not list(versions.check(disk.read()))
