"""The children of a process in Linux's own table."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from cronnx_server.serve.process_table import Children, Process, exit_status

PARENT = 1000


def test_a_child_lives_until_it_ends_and_stays_dead_until_it_is_collected() -> None:
    children = Children(os.getpid())
    before = children.look().keys()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert children.look().keys() - before == {child.pid}
        child.kill()
        while not children.look()[child.pid].is_dead:
            time.sleep(0.01)
    assert child.pid not in children.look()


def has(proc: Path, pid: int, stat: str) -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "stat").write_text(f"{pid} {stat} 7 7 0")


def test_a_name_may_look_like_the_rest_of_the_line(tmp_path: Path) -> None:
    has(tmp_path, 7, f"(a) Z (b) S {PARENT}")
    (tmp_path / "self").mkdir()
    assert Children(PARENT, proc=tmp_path).look() == {7: Process("a) Z (b", PARENT, is_dead=False)}


def test_a_process_of_another_is_not_read_again_but_a_new_one_with_its_id_is(tmp_path: Path) -> None:
    children = Children(PARENT, proc=tmp_path)
    has(tmp_path, 7, "(init) S 1")
    assert children.look() == {}
    (tmp_path / "7" / "stat").unlink()
    (tmp_path / "7").rmdir()
    assert children.look() == {}
    has(tmp_path, 7, f"(stub) S {PARENT}")
    assert children.look().keys() == {7}


@pytest.mark.parametrize(("returncode", "status"), [(0, 0), (3, 3), (-9, 137)])
def test_a_status_is_the_one_that_a_shell_reports(returncode: int, status: int) -> None:
    assert exit_status(returncode) == status
