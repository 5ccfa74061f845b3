from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.doctor import repositories
from cronnx_server.doctor.checks import files
from cronnx_server.doctor.findings import Severity
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def test_a_config_that_does_not_parse_is_named_with_its_line(disk: OnDisk) -> None:
    path = disk.change("net", "max_batch_size", "max_batch_sise")
    (finding,) = files.configs(disk.read())
    assert finding.path == path
    assert finding.problem.startswith("3:1 : ")
    assert "max_batch_sise" in finding.problem


def test_an_ensemble_that_batches_is_named_since_a_model_has_one_scheduler(disk: OnDisk) -> None:
    disk.change("classify", "max_batch_size", "dynamic_batching { } max_batch_size")
    (finding,) = files.configs(disk.read())
    assert "scheduling_choice" in finding.problem


def test_a_folder_that_holds_no_model_is_named(disk: OnDisk) -> None:
    folder = disk.add("notes", files={"README.md": b""})
    (finding,) = files.configs(disk.read())
    assert finding.path == folder


def test_a_name_that_is_not_the_folders_is_named(disk: OnDisk) -> None:
    disk.change("net", 'backend: "onnxruntime"', 'backend: "onnxruntime" name: "ned"')
    (finding,) = files.configs(disk.read())
    assert finding.problem == "the name is 'ned', but the folder's is 'net'"


def test_the_folders_own_name_is_fine(disk: OnDisk) -> None:
    disk.change("net", 'backend: "onnxruntime"', 'backend: "onnxruntime" name: "net"')
    assert not list(files.configs(disk.read()))


def test_two_models_of_one_name_in_two_repositories_are_named(disk: OnDisk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "net" / "1").mkdir(parents=True)
    (other / "net" / "config.pbtxt").write_text((disk.net / "config.pbtxt").read_text())
    (finding,) = files.configs(repositories.read([disk.root, other]))
    assert finding.path == other / "net"
    assert str(disk.net) in finding.problem


def test_a_model_without_a_version_folder_is_named(disk: OnDisk) -> None:
    (disk.preprocess / "1" / ".gitkeep").unlink()
    (disk.preprocess / "1").rmdir()
    (finding,) = files.versions(disk.read())
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
    finding = next(files.versions(disk.read()))
    assert (finding.path, finding.severity) == (path, severity)
    assert finding.problem == "version_policy names version 4, but the only version is 1"


def test_a_pinned_version_that_is_not_there_is_named_with_those_that_are(disk: OnDisk) -> None:
    path = disk.change("classify", "model_version: 1", "model_version: 7")
    disk.add("net", files={"2/model.onnx": b""})
    (finding,) = files.versions(disk.read())
    assert finding.path == path
    assert finding.problem == "a step calls net version 7, but the versions are 1, 2"


def test_a_pinned_version_that_the_policy_leaves_out_is_named(disk: OnDisk) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    (finding,) = files.versions(disk.read())
    assert finding.problem == "a step calls net version 1, which its version_policy does not load"
    assert f"version_policy: {{ all {{ }} }} in {disk.net}/config.pbtxt" in finding.remedy


def test_the_remedy_for_a_version_left_out_works(disk: OnDisk) -> None:
    disk.add("net", files={"2/model.onnx": b""})
    disk.change("net", "max_batch_size", "version_policy: { all { } } max_batch_size")
    assert not list(files.versions(disk.read()))


def test_a_version_without_its_graph_is_named(disk: OnDisk) -> None:
    (disk.net / "1" / "model.onnx").unlink()
    (finding,) = files.weights(disk.read())
    assert (finding.path, finding.problem) == (disk.net / "1", "no model.onnx")
    assert "scripts/build_models net" in finding.remedy


def test_a_version_that_is_not_loaded_may_be_empty(disk: OnDisk) -> None:
    (disk.net / "1" / "model.onnx").unlink()
    disk.add("net", files={"1/.gitkeep": b"", "2/model.onnx": b""})
    assert not list(files.weights(disk.read()))


def test_a_graph_may_have_another_name_or_be_in_a_folder_of_its_own(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size", 'default_model_filename: "net.onnx" max_batch_size')
    assert [finding.problem for finding in files.weights(disk.read())] == ["no net.onnx"]
    disk.add("net", files={"1/net.onnx/model.onnx": b""})
    assert not list(files.weights(disk.read()))


def test_a_file_of_labels_that_is_not_there_is_named(disk: OnDisk) -> None:
    path = disk.change("net", "dims: [ 5 ]", 'dims: [ 5 ] label_filename: "labels.txt"')
    (finding,) = files.labels(disk.read())
    assert finding.path == path
    assert "labels.txt" in finding.problem
    disk.add("net", files={"labels.txt": b""})
    assert not list(files.labels(disk.read()))
