from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole


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
    with largest_file(2**20), pytest.raises(CommandError, match=r"cannot write .*model\.onnx: File too large"):
        write_whole(path, bytes(2**21))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"cannot write .*/file/model\.onnx: Not a directory"):
        write_whole(tmp_path / "file" / "model.onnx", b"content")


def test_a_write_that_fails_leaves_no_folder_that_triton_would_take_for_a_version(tmp_path: Path) -> None:
    with largest_file(2**20), pytest.raises(CommandError, match="File too large"):
        write_whole(tmp_path / "2" / "model.onnx", bytes(2**21))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_files_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.mkdir()
    with pytest.raises(CommandError, match=r"cannot write .*model\.onnx: Is a directory"):
        write_whole(path, b"content")
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_of_a_file_appears_with_the_file_in_it(tmp_path: Path) -> None:
    seen = []
    sys.addaudithook(lambda event, _: seen.append((tmp_path / "2").exists()) if event == "os.rename" else None)
    write_whole(tmp_path / "2" / "model.onnx", b"content")
    assert seen[0] is False
    assert [path.name for path in tmp_path.rglob("*")] == ["2", "model.onnx"]


def test_what_an_interrupted_write_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "2.partial").mkdir()
    (tmp_path / "2.partial" / "other").touch()
    write_whole(tmp_path / "2" / "model.onnx", b"content")
    assert [path.name for path in tmp_path.rglob("*")] == ["2", "model.onnx"]
