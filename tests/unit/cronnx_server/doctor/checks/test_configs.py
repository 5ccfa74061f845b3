from __future__ import annotations

from pathlib import Path

from cronnx_server.doctor import repositories
from cronnx_server.doctor.checks import configs
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_a_config_that_does_not_parse_is_named_with_its_line(disk: OnDisk) -> None:
    path = disk.change("net", "max_batch_size", "max_batch_sise")
    (finding,) = configs.check(disk.read())
    assert finding.path == path
    assert finding.problem.startswith("3:1 : ")
    assert "max_batch_sise" in finding.problem


def test_an_ensemble_that_batches_is_named_since_a_model_has_one_scheduler(disk: OnDisk) -> None:
    disk.change("classify", "max_batch_size", "dynamic_batching { } max_batch_size")
    (finding,) = configs.check(disk.read())
    assert "scheduling_choice" in finding.problem


def test_a_folder_that_holds_no_model_is_named(disk: OnDisk) -> None:
    folder = disk.add("notes", files={"README.md": b""})
    (finding,) = configs.check(disk.read())
    assert finding.path == folder


def test_a_name_that_is_not_the_folders_is_named(disk: OnDisk) -> None:
    disk.change("net", 'backend: "onnxruntime"', 'backend: "onnxruntime" name: "ned"')
    (finding,) = configs.check(disk.read())
    assert finding.problem == "the name is 'ned', the folder's is 'net'"


def test_the_folders_own_name_is_fine(disk: OnDisk) -> None:
    disk.change("net", 'backend: "onnxruntime"', 'backend: "onnxruntime" name: "net"')
    assert not list(configs.check(disk.read()))


def test_two_models_of_one_name_in_two_repositories_are_named(disk: OnDisk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "net" / "1").mkdir(parents=True)
    (other / "net" / "config.pbtxt").write_text((disk.net / "config.pbtxt").read_text())
    (finding,) = configs.check(repositories.read([disk.root, other]))
    assert finding.path == other / "net"
    assert str(disk.net) in finding.problem
