from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx.command_line._file_lock import open_alone


def test_only_one_may_have_the_file_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    mine = open_alone(path)
    with pytest.raises(BlockingIOError):
        open_alone(path)
    os.close(mine)
    os.close(open_alone(path))


def test_a_file_removed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    """Whoever waited at the door of a removed file would have another than the one of that name."""
    path = tmp_path / "file"
    mine = open_alone(str(path))
    path.unlink()
    other = open_alone(str(path))
    assert os.path.samestat(os.fstat(other), path.stat())
    os.close(mine)
    os.close(other)


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    code = (
        "import sys; from cronnx.command_line._file_lock import open_alone;"
        " open_alone(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        with pytest.raises(BlockingIOError):
            open_alone(path)
        other.kill()
        other.wait()
        os.close(open_alone(path))
