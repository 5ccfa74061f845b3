from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import KeyFileError
from cronnx_server.key import KEY, KEY_FILE, read_key, restricted_api_flags


def test_the_key_is_what_the_file_has_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("0123456789abcdef\n")
    assert read_key({KEY_FILE: str(file)}) == "0123456789abcdef"


def test_the_file_counts_before_the_environment(tmp_path: Path) -> None:
    assert read_key({KEY: "of-the-environment"}) == "of-the-environment"
    file = tmp_path / "key"
    file.write_text("0123456789abcdef")
    assert read_key({KEY: "of-the-environment", KEY_FILE: str(file)}) == "0123456789abcdef"


@pytest.mark.parametrize("environ", [{}, {KEY: ""}, {KEY_FILE: ""}, {KEY_FILE: "/dev/null"}])
def test_there_is_no_key_where_none_is_named_or_it_is_empty(environ: dict[str, str]) -> None:
    assert read_key(environ) == ""


@pytest.mark.parametrize("content", [b"short", b"has spaces in it and more", b"colon:and=more,than,that", b"\xff" * 20])
def test_a_key_that_triton_could_not_take_is_refused_and_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"got {len(content)} characters in {file}") as refusal:
        read_key({KEY_FILE: str(file)})
    assert content.decode(errors="replace") not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"cannot read the key in .*absent: No such file"):
        read_key({KEY_FILE: str(tmp_path / "absent")})


def test_a_key_of_the_environment_that_cannot_be_used_is_not_shown() -> None:
    with pytest.raises(KeyFileError, match=r"got 13 characters in \$CRONNX_KEY") as refusal:
        read_key({KEY: "a key of mine"})
    assert "a key of mine" not in str(refusal.value)


def test_without_a_key_nothing_is_restricted() -> None:
    assert restricted_api_flags("") == []


def test_what_changes_a_server_is_restricted_over_both_protocols() -> None:
    restriction = "model-repository,shared-memory,trace,logging:cronnx-key=0123456789abcdef"
    assert restricted_api_flags("0123456789abcdef") == [
        f"--http-restricted-api={restriction}",
        f"--grpc-restricted-protocol={restriction}",
    ]
