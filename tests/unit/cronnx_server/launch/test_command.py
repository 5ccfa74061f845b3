from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import KeyFileError
from cronnx_server.key import KEY_FILE, restrictions
from cronnx_server.launch.command import command
from cronnx_server.launch.concealed_arguments import concealing

SERVER = ("tritonserver", "--model-repository=/models")
KEY = "0123456789abcdef"


def test_a_server_is_started_as_it_is_told(tmp_path: Path) -> None:
    assert command(SERVER, {"A": "b"}, entrypoint=tmp_path / "absent") == (list(SERVER), {"A": "b"})


def test_nvidias_own_entrypoint_comes_first_where_it_is_there(tmp_path: Path) -> None:
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.touch()
    program, _ = command(SERVER, {}, entrypoint=entrypoint)
    assert program == [str(entrypoint), *SERVER]


def test_a_key_restricts_what_changes_a_server_and_is_in_no_argument(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    environ = {KEY_FILE: str(tmp_path / "key")}
    started = command(SERVER, environ, entrypoint=tmp_path / "absent")
    assert started == concealing(SERVER, environ, restrictions(KEY))
    assert not any(KEY in argument for argument in started[0])


def test_a_key_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        command(SERVER, {KEY_FILE: str(tmp_path / "absent")})
