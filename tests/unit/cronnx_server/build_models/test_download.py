from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cronnx_server.build_models.download import CHUNK_BYTES, TRIES, download
from cronnx_server.errors import DownloadError
from tests.unit.cronnx_server.build_models.mirror_server import Mirror, mirror_of

CONTENT = np.random.default_rng(0).bytes(3 * CHUNK_BYTES + 1)
OTHER = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
NAME = "weights.onnx"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with mirror_of({NAME: CONTENT}) as mirror:
        yield mirror


def fetch(folder: Path, *urls: str, **options: Any) -> bytes:
    path = folder / NAME
    addresses = [f"{url}/{NAME}" for url in urls]
    download(path, addresses, size_bytes=len(CONTENT), sha256=sha256(CONTENT), **{"unreachable": {}, **options})
    assert list(folder.iterdir()) == [path]
    return path.read_bytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def partial(folder: Path) -> Path:
    return folder / f"{NAME}.partial"


def closed_port() -> str:
    """The address of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_file_is_fetched_with_the_folders_above_it(mirror: Mirror, tmp_path: Path) -> None:
    assert fetch(tmp_path / "weights", mirror.url) == CONTENT
    assert mirror.asked == [(NAME, None)]


def test_progress_is_reported_up_to_the_last_byte(mirror: Mirror, tmp_path: Path) -> None:
    reported: list[int] = []
    size = len(CONTENT)
    download(
        tmp_path / NAME, [f"{mirror.url}/{NAME}"], size_bytes=size, sha256=sha256(CONTENT), on_progress=reported.append
    )
    assert reported == sorted(reported)
    assert reported[-1] == size


def test_a_download_resumes_after_a_lost_connection(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cuts = [100_000, 50_000]
    assert fetch(tmp_path, mirror.url) == CONTENT
    assert mirror.asked == [(NAME, None), (NAME, "bytes=100000-"), (NAME, "bytes=150000-")]


def test_what_a_killed_try_left_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    partial(tmp_path).write_bytes(CONTENT[:70_000])
    assert fetch(tmp_path, mirror.url) == CONTENT
    assert mirror.asked == [(NAME, "bytes=70000-")]


def test_a_file_that_only_had_to_be_verified_is_not_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    partial(tmp_path).write_bytes(CONTENT)
    assert fetch(tmp_path, mirror.url) == CONTENT
    assert mirror.asked == []


@pytest.mark.parametrize("left", [OTHER[-90_000:], OTHER, CONTENT + b"more"], ids=["part", "whole", "more"])
def test_what_was_left_of_another_file_is_thrown_away(mirror: Mirror, tmp_path: Path, left: bytes) -> None:
    partial(tmp_path).write_bytes(left)
    assert fetch(tmp_path, mirror.url) == CONTENT
    assert mirror.asked[-1] == (NAME, None)


def test_a_server_without_ranges_sends_all_of_it_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.ranges, mirror.cuts = False, [100_000]
    assert fetch(tmp_path, mirror.url) == CONTENT
    assert mirror.asked == [(NAME, None), (NAME, "bytes=100000-")]


def test_a_second_mirror_goes_on_where_the_first_gave_up(mirror: Mirror, tmp_path: Path) -> None:
    with mirror_of({NAME: CONTENT}) as tired:
        tired.cuts = [1000] * TRIES
        assert fetch(tmp_path, tired.url, mirror.url) == CONTENT
        assert len(tired.asked) == TRIES
    assert mirror.asked == [(NAME, f"bytes={1000 * TRIES}-")]


def test_a_mirror_that_is_not_there_or_has_it_not_is_passed_over(mirror: Mirror, tmp_path: Path) -> None:
    with mirror_of({}) as empty:
        assert fetch(tmp_path, closed_port(), empty.url, mirror.url) == CONTENT


def test_a_folder_can_be_a_mirror(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(tmp_path / "here", tmp_path.as_uri()) == CONTENT


def test_where_no_mirror_has_it_each_ones_reason_is_named(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files = {NAME: OTHER}
    with (
        mirror_of({}) as empty,
        mirror_of({NAME: b"version https://git-lfs.github.com/spec/v1"}) as pointer,
        pytest.raises(DownloadError) as refused,
    ):
        fetch(tmp_path, closed_port(), empty.url, pointer.url, mirror.url)
    line = str(refused.value)
    for reason in (
        "Connection refused",
        "HTTP 404 Not Found",
        f"expected Content-Length {len(CONTENT)}, got 42",
        f"expected SHA-256 {sha256(CONTENT)}, got {sha256(OTHER)}",
        "connect to the network, or set CRONNX_MODEL_MIRROR to the address of a folder that has the file",
    ):
        assert reason in line
    assert "\n" not in line
    assert list(tmp_path.iterdir()) == []


def test_the_bytes_from_before_a_lost_connection_are_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cuts = [1000] * TRIES
    with pytest.raises(
        DownloadError, match=f"connection lost {TRIES} times, the last time at {1000 * TRIES} of {len(CONTENT)}"
    ):
        fetch(tmp_path, mirror.url)
    assert partial(tmp_path).read_bytes() == CONTENT[: 1000 * TRIES]
    assert not (tmp_path / NAME).exists()


def test_a_host_that_did_not_answer_is_not_asked_again_in_this_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    url, unreachable = f"http://127.0.0.1:{address[1]}", dict[str, str]()
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch(tmp_path, url, unreachable=unreachable)
    with socket.create_server(address) as late:
        late.settimeout(0)
        with pytest.raises(DownloadError, match="Connection refused"):
            fetch(tmp_path, url, unreachable=unreachable)
        with pytest.raises(BlockingIOError):
            late.accept()


def test_a_host_that_accepts_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DownloadError, match=r"no answer within 0\.2 s"),
    ):
        fetch(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", answer_timeout_s=0.2)


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"cannot download weights\.onnx \(nowhere/weights\.onnx: unknown url type"):
        fetch(tmp_path, "nowhere")


def test_a_folder_that_cannot_be_made_is_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"cannot write .*/file/weights\.onnx: File exists"):
        fetch(tmp_path / "file", mirror.url)
