from __future__ import annotations

from diagnosis.diagnosis import diagnose
from diagnosis.machine import Machine
from tests.unit.diagnosis.conftest import OnDisk


def test_nothing_is_found_in_a_whole_repository(disk: OnDisk, laptop: Machine) -> None:
    assert not any(diagnose(disk.read(), laptop).values())


def test_findings_are_given_by_the_check_that_has_them(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 2")
    (disk.net / "1" / "model.onnx").unlink()
    found = diagnose(disk.read(), laptop)
    assert {check for check, findings in found.items() if findings} == {"weights", "threads"}
