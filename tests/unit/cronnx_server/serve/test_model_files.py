"""A model's files count as changed once they stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cronnx_server.serve.model_files import SETTLE_S, ModelFiles


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "net" / "1").mkdir(parents=True)
    (tmp_path / "net" / "1" / "model.onnx").write_bytes(b"first")
    (tmp_path / "net" / "config.pbtxt").write_text("")
    return tmp_path / "net"


def settled(files: ModelFiles, clock: Clock) -> list[str]:
    """The models that have changed, if nothing is written any more."""
    assert files.changed() == [], "it may still be written"
    clock.now_s += SETTLE_S
    found = [folder.name for folder in files.changed()]
    assert files.changed() == [], "each change is told once"
    return found


def test_nothing_has_changed_at_first(net: Path, clock: Clock) -> None:
    assert settled(ModelFiles([net.parent], clock=clock), clock) == []


@pytest.mark.parametrize("name", ["config.pbtxt", "1/model.onnx", "2/model.onnx", "configs/cuda.pbtxt"])
def test_a_file_that_is_written_is_a_change(net: Path, clock: Clock, name: str) -> None:
    files = ModelFiles([net.parent], clock=clock)
    (net / name).parent.mkdir(exist_ok=True)
    (net / name).write_bytes(b"second")
    assert settled(files, clock) == ["net"]


def test_a_version_that_is_removed_and_a_file_of_an_older_time_are_changes(net: Path, clock: Clock) -> None:
    files = ModelFiles([net.parent], clock=clock)
    os.utime(net / "1" / "model.onnx", (1, 1))
    assert settled(files, clock) == ["net"]
    (net / "1" / "model.onnx").unlink()
    assert settled(files, clock) == ["net"]


def test_a_file_that_grows_is_waited_for(net: Path, clock: Clock) -> None:
    files = ModelFiles([net.parent], clock=clock)
    for size in range(6, 10):
        (net / "1" / "model.onnx").write_bytes(bytes(size))
        assert files.changed() == []
        clock.now_s += SETTLE_S * 0.9
    assert files.changed() == []
    clock.now_s += SETTLE_S * 0.2
    assert files.changed() == [net]


def test_a_change_that_is_undone_is_none(net: Path, clock: Clock) -> None:
    files = ModelFiles([net.parent], clock=clock)
    (net / "new").touch()
    assert files.changed() == []
    (net / "new").unlink()
    assert settled(files, clock) == []


@pytest.mark.parametrize("name", ["2.partial/model.onnx", "1/model.onnx.partial", "1/__pycache__/a.pyc"])
def test_unfinished_writes_and_caches_are_no_change(net: Path, clock: Clock, name: str) -> None:
    files = ModelFiles([net.parent], clock=clock)
    (net / name).parent.mkdir(exist_ok=True)
    (net / name).touch()
    assert settled(files, clock) == []


def test_a_touched_folder_is_no_change(net: Path, clock: Clock) -> None:
    files = ModelFiles([net.parent], clock=clock)
    os.utime(net / "1")
    assert settled(files, clock) == [], "stub_watch touches the folder of a version that it reloads"
