from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server import engines

H100 = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1b2c)\n"
L4 = "GPU 1: NVIDIA L4 (UUID: GPU-3d4e)\n"
MIG = "  MIG 1g.10gb     Device  0: (UUID: MIG-5f6a)\n"


def listing(text: str) -> tuple[str, ...]:
    """A command that lists GPUs."""
    return ("printf", "%s", text)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (H100, ["NVIDIA H100 80GB HBM3"]),
        (H100 + L4, ["NVIDIA H100 80GB HBM3", "NVIDIA L4"]),
        (H100 + MIG, ["NVIDIA H100 80GB HBM3", "MIG 1g.10gb"]),
        ("No devices were found\n", []),
    ],
    ids=["one", "two", "a slice", "none"],
)
def test_gpus_are_known_by_their_names(listed: str, names: list[str]) -> None:
    assert engines.gpu_names(listing(listed)) == names


@pytest.mark.parametrize("command", [("no-such-command",), ("false",)])
def test_without_nvidias_driver_there_are_none(command: tuple[str, ...]) -> None:
    assert engines.gpu_names(command) == []


def test_a_release_and_a_gpu_have_a_folder_of_their_own(tmp_path: Path) -> None:
    h100 = ["NVIDIA H100 80GB HBM3"]
    assert engines.folder(tmp_path, release="26.07", gpus=h100) == tmp_path / "26.07_NVIDIA_H100_80GB_HBM3"
    keys = [("26.07", h100), ("26.06", h100), ("26.07", ["NVIDIA H200"]), ("26.07", [*h100, "MIG 1g.10gb"])]
    assert len({engines.folder(tmp_path, release=release, gpus=gpus) for release, gpus in keys}) == len(keys)


def test_eight_gpus_of_a_kind_share_the_folder_of_one(tmp_path: Path) -> None:
    one, eight = (engines.folder(tmp_path, release="26.07", gpus=["NVIDIA L4"] * count) for count in (1, 8))
    assert one == eight


def prepared(root: Path) -> Path:
    return engines.prepare(root, release="26.07", gpus=["NVIDIA L4"])


def test_an_engine_is_kept_if_a_server_has_become_ready_with_it(tmp_path: Path) -> None:
    folder = prepared(tmp_path) / engines.ENGINES
    folder.mkdir()
    (folder / "whole.engine").write_bytes(b"engine")
    engines.prove(folder.parent)
    (folder / "half.engine").write_bytes(b"eng")
    assert prepared(tmp_path) == folder.parent
    assert [path.name for path in folder.iterdir()] == ["whole.engine"]


@pytest.mark.parametrize("damage", ["engine", "list"])
def test_an_engine_that_was_cut_off_or_is_not_listed_is_built_anew(tmp_path: Path, damage: str) -> None:
    folder = prepared(tmp_path) / engines.ENGINES
    folder.mkdir()
    (folder / "a.engine").write_bytes(b"engine")
    engines.prove(folder.parent)
    damaged = folder / "a.engine" if damage == "engine" else folder.parent / engines.PROVEN
    damaged.write_bytes(damaged.read_bytes()[:-1])
    prepared(tmp_path)
    assert not list(folder.iterdir())


def test_a_folder_without_engines_is_made(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "new")
    engines.prove(folder)
    assert prepared(tmp_path / "new").is_dir()


def test_a_list_that_cannot_be_written_ends_no_server(tmp_path: Path) -> None:
    (tmp_path / engines.ENGINES).mkdir()
    (tmp_path / engines.PROVEN).mkdir()
    engines.prove(tmp_path)


def test_a_folder_without_engines_stays_as_it_is(tmp_path: Path) -> None:
    engines.prove(tmp_path)
    assert not list(tmp_path.iterdir())
