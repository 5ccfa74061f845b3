from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.engines import RELEASE
from cronnx_server.errors import KeyFileError
from cronnx_server.key import KEY_FILE, restricted_api_flags
from cronnx_server.launch import command

SERVER = ("tritonserver", "--model-repository=/models")
KEY = "0123456789abcdef"


def test_without_a_key_the_command_line_is_unchanged(tmp_path: Path) -> None:
    assert command(SERVER, {"A": "b"}, entrypoint=tmp_path / "absent") == [*SERVER]


def test_nvidias_entrypoint_comes_first_where_the_image_has_it(tmp_path: Path) -> None:
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.touch()
    assert command(SERVER, {}, entrypoint=entrypoint) == [str(entrypoint), *SERVER]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444])
def test_a_key_that_is_mounted_as_a_secret_restricts_what_changes_a_server(tmp_path: Path, mode: int) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(mode)
    started = command(SERVER, {KEY_FILE: str(tmp_path / "key")}, entrypoint=tmp_path / "absent")
    assert started == [*SERVER, *restricted_api_flags(KEY)]


def test_a_key_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        command(SERVER, {KEY_FILE: str(tmp_path / "absent")})


def launch(
    *arguments: str, key_file: Path | None = None, folder: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, KEY_FILE: str(key_file or ""), **variables}
    program = [sys.executable, "-m", "cronnx_server.launch", *arguments]
    return subprocess.run(program, env=environment, capture_output=True, text=True, cwd=folder)


@pytest.fixture
def with_gpu(tmp_path: Path) -> dict[str, str]:
    """The environment of NVIDIA's image on a machine with a GPU."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA L4 (UUID: GPU-1b2c)'\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", RELEASE: "26.07"}


def test_a_server_with_a_profile_starts_in_the_folder_of_its_engines(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **with_gpu)
    assert (ended.stdout, ended.stderr) == (f"{tmp_path}/.triton/tensorrt/26.07_NVIDIA_L4\n", "")


def test_other_servers_start_where_the_image_says(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    assert launch("sh", "-c", "pwd", folder=tmp_path, **with_gpu).stdout == f"{tmp_path}\n"
    without_release = {**with_gpu, RELEASE: ""}
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **without_release)
    assert ended.stdout == f"{tmp_path}\n"


def test_a_folder_of_engines_that_cannot_be_made_is_a_warning(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    (tmp_path / ".triton").touch()
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **with_gpu)
    assert ended.stdout == f"{tmp_path}\n"
    assert ended.stderr.startswith("launch: cannot keep TensorRT's engines in ")


def test_it_becomes_the_program_with_its_arguments_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    ended = launch("printf", "%s\n", "--one", key_file=file)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["--one", *restricted_api_flags(KEY)]


def test_the_program_may_open_as_many_files_as_the_machine_allows() -> None:
    soft, hard = launch("sh", "-c", "ulimit -Sn; ulimit -Hn").stdout.split()
    assert soft == hard


def test_a_key_file_that_is_absent_is_one_line_and_status_1(tmp_path: Path) -> None:
    ended = launch("echo", "started", key_file=tmp_path / "absent")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("launch: cannot read the key in ")


def test_a_program_that_is_not_there_is_named() -> None:
    ended = launch("no-such-server")
    assert (ended.returncode, ended.stderr) == (1, "launch: cannot start no-such-server: No such file or directory\n")


def test_a_call_without_a_program_says_what_is_expected() -> None:
    ended = launch()
    assert ended.returncode == 2
    assert "expected a program and its flags" in ended.stderr
