from __future__ import annotations

from cronnx_server.doctor.diagnosis import diagnose
from cronnx_server.doctor.machine import Machine
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_nothing_is_found_in_a_whole_repository(disk: OnDisk, laptop: Machine) -> None:
    assert not any(diagnose(disk.read(), laptop).values())


def test_what_two_samples_share_is_found_once(disk: OnDisk, laptop: Machine) -> None:
    text = (disk.preprocess / "config.pbtxt").read_text()
    disk.add("preprocess", text + text[text.index("model_warmup") :].replace('"one"', '"again"'))
    (disk.preprocess / "warmup" / "photo").unlink()
    (finding,) = diagnose(disk.read(), laptop)["warm_up"]
    assert finding.problem == "the file is missing; model_warmup reads 'image' from it"


def test_findings_are_given_by_the_check_that_has_them(disk: OnDisk, laptop: Machine) -> None:
    disk.change("net", "count: 1", "count: 2")
    (disk.net / "1" / "model.onnx").unlink()
    found = diagnose(disk.read(), laptop)
    assert {check for check, findings in found.items() if findings} == {"weights", "threads"}
