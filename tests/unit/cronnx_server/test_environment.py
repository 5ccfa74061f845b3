from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cronnx_server import environment
from cronnx_server.errors import SetupError
from cronnx_server.paths import ROOT, SERVER_SOURCE


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12), (3, 13)])
def test_a_python_with_a_stub_will_do(version: tuple[int, int]) -> None:
    environment.check_python(version)


@pytest.mark.parametrize(("version", "got"), [((3, 9), "3.9"), ((3, 14), "3.14"), ((4, 0), "4.0"), ((2, 7), "2.7")])
def test_another_python_is_refused_with_the_versions_that_will_do(version: tuple[int, int], got: str) -> None:
    with pytest.raises(SetupError, match=rf"expected Python 3\.10 to 3\.13, got {got} \("):
        environment.check_python(version)


def test_a_disk_with_too_little_space_is_refused(tmp_path: Path) -> None:
    environment.check_space(tmp_path, needed_bytes=1)
    with pytest.raises(SetupError, match=rf"expected 1048576 GiB free on the disk of {tmp_path}, got"):
        environment.check_space(tmp_path, needed_bytes=2**50)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment without packages."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    (tmp_path / "venv" / "bin" / environment.INSTALLED_COMMAND).write_text(f"#!{tmp_path}/venv/bin/python\n")
    return tmp_path / "venv"


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    for lock in ("server", "test"):
        (tmp_path / "requirements" / f"{lock}.txt").write_text(f"{lock}==1.0\n")
    return tmp_path / "requirements"


COMMANDS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file()]


def system_python(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the Python that `.venv` was made with, outside it."""
    python = Path(sys.base_prefix, "bin", "python3")
    return subprocess.run([python, *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
def test_every_command_runs_in_the_environment_whatever_python_starts_it(command: Path) -> None:
    helped = system_python(command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert helped.stdout.startswith(f"usage: scripts/{command.name}")


def test_the_arguments_and_the_exit_status_are_the_commands_own() -> None:
    ended = system_python("-I", SERVER_SOURCE, "cronnx_server.set_up", "docs")
    assert ended.returncode == 2
    assert "got 'docs'" in ended.stderr


def test_a_python_that_is_not_supported_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "NEWEST", (3, 9))
    assert environment.run("cronnx_server.set_up", []) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("set_up: expected Python ")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of a clone that a command needs to start."""
    for folder in ("scripts", "server", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_clone_that_cannot_be_written_to_ends_in_one_line(clone: Path) -> None:
    (clone / ".triton").write_text("a file where the folder belongs: permissions do not bind root")
    ended = system_python(clone / "scripts" / "serve")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"serve: cannot write in {clone / '.triton'}: ")


def test_a_command_whose_packages_are_not_listed_ends_in_one_line(clone: Path) -> None:
    (clone / "requirements" / "server.txt").unlink()
    ended = system_python(clone / "scripts" / "serve")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("serve: ")


def test_an_environment_is_whole_when_each_lock_has_its_stamp(venv: Path, requirements: Path) -> None:
    assert not environment.is_whole(("server",), venv=venv, requirements=requirements)
    environment.stamp("server", venv=venv, requirements=requirements)
    assert environment.is_whole(("server",), venv=venv, requirements=requirements)
    assert not environment.is_whole(("server", "test"), venv=venv, requirements=requirements)
    environment.stamp("test", venv=venv, requirements=requirements)
    assert environment.is_whole(("server", "test"), venv=venv, requirements=requirements)


def test_an_environment_is_out_of_date_when_a_lock_has_changed(venv: Path, requirements: Path) -> None:
    for lock in ("server", "test"):
        environment.stamp(lock, venv=venv, requirements=requirements)
    (requirements / "test.txt").write_text("test==1.1\n")
    assert not environment.is_whole(("server", "test"), venv=venv, requirements=requirements)
    assert environment.is_whole(("server",), venv=venv, requirements=requirements)


def test_an_environment_whose_python_is_gone_is_not_whole(venv: Path, requirements: Path) -> None:
    environment.stamp("server", venv=venv, requirements=requirements)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(venv / "removed")
    assert not environment.is_whole(("server",), venv=venv, requirements=requirements)


@pytest.mark.parametrize("again", [shutil.move, shutil.copytree], ids=["moved", "copied"])
def test_an_environment_in_another_place_is_not_whole(
    venv: Path, requirements: Path, again: Callable[..., Any]
) -> None:
    environment.stamp("server", venv=venv, requirements=requirements)
    other = venv.with_name("other")
    again(venv, other)
    assert not environment.is_whole(("server",), venv=other, requirements=requirements)


def test_an_environment_behind_a_link_is_whole(venv: Path, requirements: Path) -> None:
    environment.stamp("server", venv=venv, requirements=requirements)
    link = venv.with_name("link")
    link.symlink_to(venv)
    assert environment.is_whole(("server",), venv=link, requirements=requirements)


@pytest.mark.parametrize("name", ["jos\xe9", "a:b", "a;b", "$(touch ran)", "a`b`", 'a"b', "a\\b", "a\nb"])
def test_a_clone_whose_path_a_shell_or_python_would_mistake_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="expected a path of the clone of ASCII characters without"):
        environment.check_place(Path("/srv") / name)


@pytest.mark.parametrize("name", ["my projects", "it's (new) & good", "a=b,c", "plain"])
def test_a_clone_under_a_path_with_a_blank_is_taken(name: str) -> None:
    environment.check_place(Path("/srv") / name)


def test_a_python_that_this_user_cannot_reach_is_named(tmp_path: Path) -> None:
    class Closed(type(tmp_path)):  # type: ignore[misc]  # permissions do not bind root
        def stat(self, **_: object) -> NoReturn:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(SetupError, match=r"expected a Python that this user can run, got .*: Permission denied"):
        environment.check_access(Closed(tmp_path))
    environment.check_access(tmp_path / "absent")


def test_variables_of_other_software_do_not_reach_a_command(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise ImportError('wrong argparse')")
    foreign = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSAFEPATH": "1"}
    command = [ROOT / "scripts" / "doctor", "--help"]
    ended = subprocess.run(command, env={**os.environ, **foreign}, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_command_whose_reader_leaves_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody_reads:  # noqa: PTH123 - a descriptor
        command = [ROOT / "scripts" / "doctor", "--json"]
        ended = subprocess.run(command, stdout=nobody_reads, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (environment.BROKEN_PIPE, "")


SET_UP = """
import pathlib, sys
from cronnx_server.environment import setup_lock
with setup_lock(pathlib.Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


def is_shut(state: Path) -> bool:
    """Whether another process holds the lock."""
    with (state / "setup.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_set_up_waits_for_another_says_so_and_shuts_the_next_one_out(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SET_UP, str(tmp_path)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with contextlib.ExitStack() as first:
        first.enter_context(environment.setup_lock(tmp_path))
        with subprocess.Popen(command, text=True, **streams) as second:
            assert second.stdout.readline() == "==> Waiting for another set-up of this clone\n"
            first.close()
            assert second.stdout.readline() == "in\n"
            assert is_shut(tmp_path)
            second.stdin.close()
    assert second.returncode == 0
    assert not is_shut(tmp_path)


def test_a_set_up_that_fails_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="failed"), environment.setup_lock(tmp_path / "state"):
        raise SetupError("failed")
    assert not is_shut(tmp_path / "state")


def test_a_clone_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    with pytest.raises(SetupError, match=f"cannot write in {state}: Not a directory"), environment.setup_lock(state):
        pytest.fail("it went on")
