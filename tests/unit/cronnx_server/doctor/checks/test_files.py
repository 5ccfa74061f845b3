from __future__ import annotations

from cronnx_server.doctor.checks import files
from tests.unit.cronnx_server.doctor.conftest import OnDisk


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
