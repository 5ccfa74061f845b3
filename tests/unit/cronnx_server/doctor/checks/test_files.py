from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from cronnx_server.doctor import repositories
from cronnx_server.doctor.checks import files
from cronnx_server.doctor.findings import Severity
from tests.unit.cronnx_server.doctor.conftest import GRAPH, OnDisk


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


@pytest.mark.parametrize("name", ["lost+found", ".ipynb_checkpoints", "__MACOSX"])
def test_a_folder_of_another_tool_is_a_warning(disk: OnDisk, name: str) -> None:
    (disk.root / name).mkdir()
    (finding,) = files.configs(disk.read())
    assert (finding.path, finding.severity) == (disk.root / name, Severity.WARNING)


def test_a_model_whose_name_a_shell_would_mistake_is_named(disk: OnDisk) -> None:
    folder = disk.add("$(touch ran)", 'backend: "identity"', {"1/.gitkeep": b""})
    (finding,) = files.configs(disk.read())
    assert (finding.path, finding.severity) == (folder, Severity.ERROR)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "an empty file"),
        (GRAPH[:-10], "no ONNX model, or only its beginning"),
        (GRAPH[:2], "an ONNX model without a graph"),
        (b"<html>not found</html>", "no ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a pointer of Git LFS"),
    ],
    ids=["empty", "cut", "cut after its first field", "a page", "Git LFS"],
)
def test_a_model_file_that_cannot_be_used_is_named(disk: OnDisk, content: bytes, problem: str) -> None:
    disk.add("net", files={"1/model.onnx": content})
    (finding,) = files.weights(disk.read())
    assert finding.path == disk.net / "1" / "model.onnx"
    assert finding.problem.startswith(problem)


def test_weights_beside_the_graph_that_are_cut_are_named(disk: OnDisk) -> None:
    model = onnx.load_from_string(GRAPH)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1000, np.float32), "w"))
    path = disk.net / "1" / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.data", size_threshold=0)
    assert not list(files.weights(disk.read()))
    (path.parent / "w.data").write_bytes(b"cut")
    (finding,) = files.weights(disk.read())
    assert finding.problem == "its weights are in w.data: expected at least 4000 bytes, got 3"


def test_a_version_folder_that_is_a_link_is_followed(disk: OnDisk, tmp_path: Path) -> None:
    (disk.net / "1").rename(tmp_path / "elsewhere")
    (disk.net / "1").symlink_to(tmp_path / "elsewhere")
    assert not list(files.weights(disk.read()))
    shutil.rmtree(tmp_path / "elsewhere")
    assert [finding.path for finding in files.weights(disk.read())] == [disk.net / "1"]


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
    disk.add("net", files={"1/.gitkeep": b"", "2/model.onnx": GRAPH})
    assert not list(files.weights(disk.read()))


def test_a_graph_may_have_another_name_or_be_in_a_folder_of_its_own(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size", 'default_model_filename: "net.onnx" max_batch_size')
    assert [finding.problem for finding in files.weights(disk.read())] == ["no net.onnx"]
    disk.add("net", files={"1/net.onnx/model.onnx": GRAPH})
    assert not list(files.weights(disk.read()))


def test_a_file_of_labels_that_is_not_there_is_named(disk: OnDisk) -> None:
    path = disk.change("net", "dims: [ 5 ]", 'dims: [ 5 ] label_filename: "labels.txt"')
    (finding,) = files.labels(disk.read())
    assert finding.path == path
    assert "labels.txt" in finding.problem
    disk.add("net", files={"labels.txt": b""})
    assert not list(files.labels(disk.read()))
