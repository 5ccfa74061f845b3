from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cronnx_server.key import KEY_FILE


def launch(*arguments: str, key_file: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, KEY_FILE: str(key_file or "")}
    command = [sys.executable, "-m", "cronnx_server.launch", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_it_becomes_the_program_with_its_arguments_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("0123456789abcdef")
    ended = launch("printf", "%s\n", "--one", key_file=file)
    assert ended.returncode == 0, ended.stderr
    first, *restrictions = ended.stdout.splitlines()
    assert first == "--one"
    assert [each.endswith(":cronnx-key=0123456789abcdef") for each in restrictions] == [True, True]


def test_a_key_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    ended = launch("echo", "started", key_file=tmp_path / "absent")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("launch: cannot read the key in ")


def test_a_program_that_is_not_there_is_named() -> None:
    ended = launch("no-such-server")
    assert (ended.returncode, ended.stderr) == (1, "launch: cannot start no-such-server: No such file or directory\n")


def test_a_call_without_a_program_says_what_is_expected() -> None:
    ended = launch()
    assert ended.returncode == 2
    assert "a program and its flags are expected" in ended.stderr
