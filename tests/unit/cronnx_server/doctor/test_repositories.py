from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelInput

from cronnx_server.doctor import repositories
from cronnx_server.doctor.repositories import element_count, shape
from tests.unit.cronnx_server.doctor.conftest import PHOTO, OnDisk


def test_a_model_is_its_config_its_files_and_its_versions(disk: OnDisk) -> None:
    disk.add("net", files={"10/model.onnx": b"", "labels.txt": b""})
    model = disk.read().by_name["net"]
    assert model.config_path == disk.net / "config.pbtxt"
    assert model.config.max_batch_size == 8
    assert model.versions == (1, 10)
    assert {"config.pbtxt", "labels.txt", "1/model.onnx", "10/model.onnx"} == model.files


def test_a_folder_that_is_no_number_is_no_version(disk: OnDisk) -> None:
    for name in ("v2", "02", "0"):
        disk.add("net", files={f"{name}/model.onnx": b""})
    assert disk.read().by_name["net"].versions == (1,)


def test_warm_up_files_come_with_their_content(disk: OnDisk) -> None:
    assert disk.read().by_name["preprocess"].warm_up_files == {"photo": PHOTO}


def test_a_profile_is_read_where_a_model_has_it(disk: OnDisk) -> None:
    disk.add("net", files={"configs/fast.pbtxt": b"max_batch_size: 2"})
    models = disk.read("fast").by_name
    assert (models["net"].config.max_batch_size, models["preprocess"].config.max_batch_size) == (2, 16)
    assert models["net"].config_path.name == "fast.pbtxt"


def test_a_config_that_cannot_be_read_still_names_a_model(disk: OnDisk) -> None:
    path = disk.change("net", "max_batch_size", "max_batch_sise")
    found = disk.read()
    assert list(found.unreadable) == [path]
    assert "net" in found.names
    assert "net" not in found.by_name


def test_the_name_of_a_model_whose_profile_cannot_be_read_is_its_folders(disk: OnDisk) -> None:
    disk.add("net", files={"configs/fast.pbtxt": b"max_batch_size: many"})
    assert disk.read("fast").names == {"net", "preprocess", "classify"}


def test_a_graph_without_a_config_is_a_model_and_a_folder_without_either_is_none(disk: OnDisk) -> None:
    disk.add("completed", files={"1/model.onnx": b""})
    disk.add("empty", files={"1/.gitkeep": b""})
    disk.add("notes", files={"README.md": b""})
    found = disk.read()
    assert found.by_name["completed"].backend == "onnxruntime"
    assert [folder.name for folder in found.folders] == ["empty"]
    assert [folder.name for folder in found.others] == ["notes"]


def test_ensembles_and_what_a_backend_serves_are_told_apart(disk: OnDisk) -> None:
    found = disk.read()
    assert [model.name for model in found.ensembles] == ["classify"]
    assert [model.name for model in found.steps] == ["net", "preprocess"]


@pytest.mark.parametrize(
    ("policy", "loaded"),
    [
        ("", (3,)),
        ("version_policy { latest { num_versions: 2 } }", (2, 3)),
        ("version_policy { all { } }", (1, 2, 3)),
        ("version_policy { specific { versions: [ 1, 9 ] } }", (1,)),
    ],
    ids=["no policy", "latest", "all", "specific"],
)
def test_the_version_policy_says_what_is_loaded(disk: OnDisk, policy: str, loaded: tuple[int, ...]) -> None:
    disk.add("net", policy, {"2/model.onnx": b"", "3/model.onnx": b""})
    assert disk.read().by_name["net"].loaded_versions == loaded


def test_the_first_of_two_models_with_one_name_is_taken(disk: OnDisk, tmp_path: Path) -> None:
    other = OnDisk(tmp_path / "other")
    found = repositories.read([other.root, disk.root])
    assert found.by_name["net"].folder == other.net


def test_a_shape_is_written_as_in_a_config() -> None:
    assert shape(ModelInput(data_type="TYPE_UINT8", dims=[2, -1])) == "TYPE_UINT8 [2, -1]"


def test_a_dim_of_any_size_counts_as_one() -> None:
    assert element_count([4, -1, 3]) == 12
