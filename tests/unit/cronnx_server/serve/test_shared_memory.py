"""Which files in shared memory belong to whom, and which are removed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.errors import StartError
from cronnx_server.serve import shared_memory

CLAIM_AND_DIE = """
import os, signal, sys
from pathlib import Path
from cronnx_server.serve.shared_memory import claimed

folder = Path(sys.argv[1])
with claimed(folder) as regions:
    name = regions.flag().partition("prefix-name=")[2]
    (folder / f"{name}0062eb5a").write_bytes(b"left")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def region_of(regions: shared_memory.Regions, folder: Path) -> Path:
    option, _, name = regions.flag().rpartition("=")
    assert option == "--backend-config=python,shm-region-prefix-name"
    return folder / f"{name}0062eb5a"


def test_its_files_are_removed_between_servers_and_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    with shared_memory.claimed(tmp_path) as regions:
        for _ in range(2):
            region = region_of(regions, tmp_path)
            region.touch()
            regions.remove()
            assert not region.exists()
        region_of(regions, tmp_path).touch()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", CLAIM_AND_DIE, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    with shared_memory.claimed(tmp_path):
        (lock,) = tmp_path.iterdir()
        assert lock.suffix == shared_memory.LOCK


def test_the_files_of_one_that_lives_and_of_others_stay(tmp_path: Path) -> None:
    other = tmp_path / "triton_python_backend_shm_region_0062eb5a"
    other.touch()
    with shared_memory.claimed(tmp_path) as first:
        region = region_of(first, tmp_path)
        region.touch()
        with shared_memory.claimed(tmp_path) as second:
            assert region_of(second, tmp_path) != region
        assert region.exists()
    assert list(tmp_path.iterdir()) == [other]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match=r"cannot write in .*/none, .*: No such file"),
        shared_memory.claimed(tmp_path / "none"),
    ):
        pass
