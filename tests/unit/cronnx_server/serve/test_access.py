from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cronnx_server.errors import KeyFileError
from cronnx_server.serve.access import Key, key_for
from cronnx_server.serve.addresses import Addresses

TEXT = "0123456789abcdef"
EVERYWHERE = Addresses("0.0.0.0")  # noqa: S104 - not bound


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.1", "::1"])
def test_loopback_needs_no_key(address: str, tmp_path: Path) -> None:
    assert key_for(Addresses(address), {}, made=tmp_path / "key") is None
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.7", "fe80::1"])  # noqa: S104 - not bound
def test_elsewhere_a_key_is_made_once_that_only_its_owner_can_read(address: str, tmp_path: Path) -> None:
    file = tmp_path / "state" / "key"
    made = key_for(Addresses(address), {}, made=file)
    assert made
    assert len(made.text) >= 40
    assert made.source == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key_for(Addresses(address), {}, made=file) == made
    assert [each.name for each in file.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text(TEXT)
    file.chmod(mode)
    for environ in ({}, {"CRONNX_KEY_FILE": str(file)}):
        with pytest.raises(KeyFileError, match=rf"got mode {mode:04o}; chmod 600 {file}$"):
            key_for(EVERYWHERE, environ, made=file)


def test_a_file_without_a_key_may_have_any_mode(tmp_path: Path) -> None:
    assert key_for(Addresses(), {"CRONNX_KEY_FILE": "/dev/null"}, made=tmp_path / "none") is None


def test_a_made_key_that_is_empty_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "key").touch(mode=0o600)
    with pytest.raises(KeyFileError, match="is empty"):
        key_for(EVERYWHERE, {}, made=tmp_path / "key")


@pytest.mark.parametrize("addresses", [Addresses(), EVERYWHERE])
def test_a_key_that_a_user_has_counts_everywhere(addresses: Addresses, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(f"{TEXT}\n")
    (tmp_path / "mine").chmod(0o600)
    for environ, source in (
        ({"CRONNX_KEY": TEXT}, "$CRONNX_KEY"),
        ({"CRONNX_KEY_FILE": str(tmp_path / "mine")}, str(tmp_path / "mine")),
    ):
        assert key_for(addresses, environ, made=tmp_path / "none") == Key(TEXT, source)
    assert not (tmp_path / "none").exists()


def test_a_key_that_cannot_be_used_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"\$CRONNX_KEY") as caught:
        key_for(EVERYWHERE, {"CRONNX_KEY": "a key of mine"}, made=tmp_path / "none")
    assert "a key of mine" not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    assert TEXT not in repr(Key(TEXT, "mine"))
