from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cronnx_server.add_model.placement import Repositories, placement, recover
from cronnx_server.errors import RepositoryError


def at(root: Path) -> Repositories:
    return Repositories(root / "models", root / "ensembles", root / "staging")


def test_folders_appear_whole_and_only_when_they_are_published(tmp_path: Path) -> None:
    one, other = tmp_path / "models" / "one", tmp_path / "ensembles" / "other"
    for folder in (one, other):
        folder.parent.mkdir()
    with placement(at(tmp_path)) as placed:
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
    with placement(at(tmp_path)) as placed:
        placed.write(tmp_path / "free", {"config.pbtxt": b""})
        placed.write(tmp_path / "taken", {"config.pbtxt": b""})
        with pytest.raises(RepositoryError, match=r"cannot write .*taken: Directory not empty"):
            placed.publish()
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["taken", "file"]


def test_published_folders_can_be_withdrawn(tmp_path: Path) -> None:
    with placement(at(tmp_path)) as placed:
        placed.write(tmp_path / "one", {"config.pbtxt": b""})
        placed.publish()
        placed.withdraw()
    assert not any(tmp_path.iterdir())


def test_a_file_is_replaced_when_folders_are_published_and_restored_when_they_are_withdrawn(tmp_path: Path) -> None:
    file = tmp_path / "one.pbtxt"
    file.write_bytes(b"before")
    with placement(at(tmp_path)) as placed:
        placed.write(tmp_path / "one", {"config.pbtxt": b""})
        placed.replace(file, b"after")
        assert file.read_bytes() == b"before"
        placed.publish()
        assert file.read_bytes() == b"after"
        placed.withdraw()
    assert file.read_bytes() == b"before"


def test_files_that_an_interrupted_addition_left_are_not_published(tmp_path: Path) -> None:
    left = tmp_path / "staging" / tmp_path.name / "one"
    left.mkdir(parents=True)
    (left / "left").touch()
    with placement(at(tmp_path)) as placed:
        placed.write(tmp_path / "one", {"config.pbtxt": b""})
        placed.publish()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["config.pbtxt"]


CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
"""The audit events of Python that come before a change of the disk: docs.python.org/3/library/audit_events.html."""


def killed_before_change(number: int, action: Callable[[], None], root: Path) -> bool:
    """Run an action in a process that is killed before its n-th change below a folder; whether it was killed."""
    child = os.fork()
    if child == 0:
        count = itertools.count(1)

        def kill(event: str, arguments: tuple[object, ...]) -> None:
            if event in CHANGES and str(arguments[0]).startswith(str(root)) and next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_kill_at_any_change_leaves_all_folders_or_none_to_the_next_command(tmp_path: Path) -> None:
    files = {"config.pbtxt": b"text", "1/model.onnx": b"graph"}
    whole = {f"{place}/{name}": text for place in ("models/a_onnx", "ensembles/a") for name, text in files.items()}

    def add(repositories: Repositories) -> None:
        with placement(repositories) as placed:
            placed.write(repositories.models / "a_onnx", files)
            placed.write(repositories.ensembles / "a", files)
            placed.publish()

    outcomes = []
    for number in itertools.count(1):
        root = tmp_path / str(number)
        repositories = at(root)
        for folder in (repositories.models, repositories.ensembles):
            folder.mkdir(parents=True)
        killed = killed_before_change(number, lambda: add(repositories), root)  # noqa: B023 - called at once
        recover(repositories)
        assert tree(root) in ({}, whole), number
        outcomes.append(bool(tree(root)))
        if not tree(root):
            assert not any(
                path for folder in (repositories.models, repositories.ensembles) for path in folder.iterdir()
            )
            add(repositories)
            assert tree(root) == whole
        if not killed:
            break
    assert outcomes == sorted(outcomes)  # once added, it stays
    assert len(outcomes) > 20


def test_a_kill_at_any_change_of_a_withdrawal_withdraws_or_leaves_all(tmp_path: Path) -> None:
    for number in itertools.count(1):
        root = tmp_path / str(number)
        repositories = at(root)
        for folder in (repositories.models, repositories.ensembles):
            folder.mkdir(parents=True)
        places = [repositories.models / "a_onnx", repositories.ensembles / "a"]
        with placement(repositories) as placed:
            for place in places:
                placed.write(place, {"config.pbtxt": b""})
            placed.publish()
            killed = killed_before_change(number, placed.withdraw, root)
            recover(repositories)
        assert [place.exists() for place in places] in ([True, True], [False, False]), number
        if not killed:
            assert not places[0].exists()
            break
    assert number > 4


def test_a_version_of_which_there_is_only_the_beginning_is_removed(tmp_path: Path) -> None:
    repositories = at(tmp_path)
    kept = ("net_onnx/1/.gitkeep", "net_onnx/2/model.onnx", "net_onnx/2/model.onnx.partial", "net_onnx/5/notes.txt")
    for name in (*kept, "net_onnx/3/model.onnx.partial", "net_onnx/4/sub.partial"):
        (repositories.models / name).parent.mkdir(parents=True, exist_ok=True)
        (repositories.models / name).touch()
    (repositories.models / "net_onnx" / "6").mkdir()
    recover(repositories)
    assert sorted(path.name for path in (repositories.models / "net_onnx").iterdir()) == ["1", "2", "5"]
    assert set(tree(repositories.models)) == set(kept)
