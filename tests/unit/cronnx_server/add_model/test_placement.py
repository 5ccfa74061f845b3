from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.add_model.placement import placement
from cronnx_server.errors import RepositoryError


def test_folders_appear_whole_and_only_when_they_are_published(tmp_path: Path) -> None:
    one, other = tmp_path / "models" / "one", tmp_path / "ensembles" / "other"
    for folder in (one, other):
        folder.parent.mkdir()
    with placement(tmp_path / "staging") as placed:
        placed.write(one, {"1/.gitkeep": b"", "config.pbtxt": b"text"})
        placed.write(other, {"config.pbtxt": b"text"})
        assert not one.exists()
        placed.publish()
        assert (one / "1" / ".gitkeep").exists()
        assert (other / "config.pbtxt").read_bytes() == b"text"
    assert not (tmp_path / "staging").exists()


def test_all_folders_are_withdrawn_if_one_cannot_be_placed(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with placement(tmp_path / "staging") as placed:
        placed.write(tmp_path / "free", {"config.pbtxt": b""})
        placed.write(tmp_path / "taken", {"config.pbtxt": b""})
        with pytest.raises(RepositoryError, match=r"cannot write .*taken: Directory not empty"):
            placed.publish()
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["taken", "file"]


def test_published_folders_can_be_withdrawn(tmp_path: Path) -> None:
    with placement(tmp_path / "staging") as placed:
        placed.write(tmp_path / "one", {"config.pbtxt": b""})
        placed.publish()
        placed.withdraw()
    assert not any(tmp_path.iterdir())


def test_files_that_an_interrupted_addition_left_are_not_published(tmp_path: Path) -> None:
    left = tmp_path / "staging" / tmp_path.name / "one"
    left.mkdir(parents=True)
    (left / "left").touch()
    with placement(tmp_path / "staging") as placed:
        placed.write(tmp_path / "one", {"config.pbtxt": b""})
        placed.publish()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["config.pbtxt"]
