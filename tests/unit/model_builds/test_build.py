from __future__ import annotations

import contextlib
import dataclasses
import resource
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest

from local_server.errors import SetupError
from model_builds.build import CAT, build, fetch, write_whole
from model_builds.catalogue import Model, catalogue
from model_builds.in_process import InProcess


@pytest.mark.parametrize("name", catalogue())
def test_a_model_of_the_catalogue_is_built_and_takes_a_cat_for_a_cat(
    models: dict[str, Model], name: str, tmp_path: Path
) -> None:
    path = build(models[name], repository=tmp_path)
    assert path == tmp_path / f"{name}_onnx" / "1" / "model.onnx"
    answer = InProcess(path, size=models[name].size).classify([CAT.read_bytes()])
    assert answer["class_id"][0, 0] in (281, 282, 285)
    assert answer["score"][0, 0] > 0.3
    assert answer["served_by"].tolist() == [[models[name].served_by]]


def test_a_build_gives_the_same_bytes_again(model: Model, tmp_path: Path) -> None:
    first = build(model, repository=tmp_path / "first").read_bytes()
    assert build(model, repository=tmp_path / "second").read_bytes() == first


def test_a_build_leaves_nothing_but_the_model(model: Model, tmp_path: Path) -> None:
    path = build(model, repository=tmp_path)
    assert list(path.parent.iterdir()) == [path]


def test_a_build_that_answers_wrongly_leaves_what_was_there(model: Model, tmp_path: Path) -> None:
    path = model.path(tmp_path)
    write_whole(path, b"the model before")
    with pytest.raises(SetupError, match=r"takes chelsea\.jpg for class 28\d, expected one of \(967,\)"):
        build(dataclasses.replace(model, expected=(967,)), repository=tmp_path)
    assert path.read_bytes() == b"the model before"
    assert list(path.parent.iterdir()) == [path]


def test_weights_of_another_hash_are_refused_and_nothing_is_built(model: Model, tmp_path: Path) -> None:
    weights = dataclasses.replace(model.weights, file_sha256="0" * 64)
    with pytest.raises(SetupError, match=f"is {model.weights.file_sha256}, the catalogue has 0000.*: delete .* again"):
        build(dataclasses.replace(model, weights=weights), repository=tmp_path)
    assert not any(tmp_path.iterdir())


def test_weights_that_the_package_lacks_are_refused_by_name(model: Model, tmp_path: Path) -> None:
    weights = dataclasses.replace(model.weights, file="absent.pth")
    with pytest.raises(SetupError, match=r"absent\.pth is absent, the catalogue has"):
        build(dataclasses.replace(model, weights=weights), repository=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("other", ["efficientnet_lite1", "efficientnet_lite2"])
def test_weights_of_another_variant_are_refused_by_name(models: dict[str, Model], other: str, tmp_path: Path) -> None:
    """lite1 and lite2 have the same parameters, of other widths."""
    name = "efficientnet_lite2" if other == "efficientnet_lite1" else "efficientnet_lite1"
    model = dataclasses.replace(models[name], weights=models[other].weights)
    with pytest.raises(
        SetupError, match=f"cannot build {name} from {Path(model.weights.file).name}: .*another variant"
    ):
        build(model, repository=tmp_path)
    assert not any(tmp_path.iterdir())


def test_fetched_weights_are_the_file_of_the_catalogue(model: Model) -> None:
    assert fetch(model).name == Path(model.weights.file).name


def test_a_built_model_loads_without_a_warning(model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    onnxruntime.InferenceSession(str(build(model, repository=tmp_path)))
    assert "[W:onnxruntime" not in capfd.readouterr().err


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "model" / "1" / "model.onnx"
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_whole(path, b"a longer content before")
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """While this lasts the system refuses to make a larger one, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_the_file_before_and_no_part_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_whole(path, b"before")
    with largest_file(2**20), pytest.raises(SetupError, match=r"cannot write .*model\.onnx: File too large"):
        write_whole(path, bytes(2**21))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"cannot write .*/file/model\.onnx: File exists"):
        write_whole(tmp_path / "file" / "model.onnx", b"content")


def test_a_folder_in_the_files_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.mkdir()
    with pytest.raises(SetupError, match=r"cannot write .*model\.onnx: Is a directory"):
        write_whole(path, b"content")
    assert list(tmp_path.iterdir()) == [path]
