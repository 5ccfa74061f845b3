"""The children of a process in Linux's own table."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from cronnx_server.serve.process_table import Process, children, exit_status


def test_a_child_lives_until_it_ends_and_stays_dead_until_it_is_collected() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert children(os.getpid())[child.pid] == Process("cat", is_dead=False)
        child.kill()
        while not children(os.getpid())[child.pid].is_dead:
            time.sleep(0.01)
    assert child.pid not in children(os.getpid())


def test_a_name_may_look_like_the_rest_of_the_line(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) Z (b) S 1 7 7 0")
    (tmp_path / "self").mkdir()
    assert children(1, proc=tmp_path) == {7: Process("a) Z (b", is_dead=False)}


@pytest.mark.parametrize(("returncode", "status"), [(0, 0), (3, 3), (-9, 137)])
def test_a_status_is_the_one_that_a_shell_reports(returncode: int, status: int) -> None:
    assert exit_status(returncode) == status
