"""Download a file over HTTP from the first mirror that has it; an interrupted download resumes.

Source: range requests, RFC 9110, section 14.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.response import addinfourl

from cronnx_server.errors import DownloadError

MIRROR_VARIABLE = "CRONNX_MODEL_MIRROR"

TRIES = 4
ANSWER_TIMEOUT_S = 4.0
READ_TIMEOUT_S = 20
CHUNK_BYTES = 2**18

NETWORK_ERRORS = (OSError, http.client.HTTPException)

T = TypeVar("T")
Answer = HTTPResponse | addinfourl

_UNREACHABLE: dict[str, str] = {}
"""The hosts that did not answer this process, with the reason."""


class _MirrorError(Exception):
    """A mirror does not give the file."""


def download(
    path: Path,
    urls: Sequence[str],
    *,
    size_bytes: int,
    sha256: str,
    on_progress: Callable[[int], None] = lambda _: None,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    unreachable: MutableMapping[str, str] = _UNREACHABLE,
) -> None:
    """Download a file; it appears at `path` only when it is whole and verified.

    Args:
        path: The file. An unfinished download stays beside it, as `<name>.partial`, for the next try.
        urls: The file's addresses on its mirrors, tried in this order.
        size_bytes: The file's size.
        sha256: The file's SHA-256, hexadecimal.
        on_progress: Called with the number of bytes present so far.
        answer_timeout_s: The longest wait for a mirror's answer, in seconds.
        unreachable: Hosts that are not asked again, with the reason; one that does not answer is added.

    Raises:
        DownloadError: No mirror gives the file, or it cannot be written.
    """
    partial = _PartialFile(
        path.with_name(f"{path.name}.partial"), size_bytes, sha256, on_progress, answer_timeout_s, unreachable
    )
    reasons = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                partial.complete(url)
            except _MirrorError as error:
                reasons.append(f"{_host(url)}: {error}")
            else:
                partial.path.replace(path)
                return
    except OSError as error:
        raise DownloadError(f"cannot write {path}: {error.strerror}") from error
    raise DownloadError(
        f"cannot download {path.name} ({'; '.join(reasons)}); connect to the network, or set {MIRROR_VARIABLE} "
        "to the address of a folder that has the file"
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class _PartialFile:
    """A file that grows to its full size; after a lost connection, the next request asks for the rest."""

    path: Path
    size_bytes: int
    sha256: str
    on_progress: Callable[[int], None]
    answer_timeout_s: float
    unreachable: MutableMapping[str, str]

    @property
    def present_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def complete(self, url: str) -> None:
        """Download the rest from one mirror and verify the whole file.

        Raises:
            _MirrorError: This mirror does not give the file.
            OSError: The file cannot be written.
        """
        for _ in range(TRIES):
            resumed = self.present_bytes > 0
            if self.present_bytes < self.size_bytes:
                self._append(url)
            if self.present_bytes < self.size_bytes:
                continue
            if (digest := sha256_of(self.path)) == self.sha256:
                return
            self.path.unlink()
            if not resumed:  # after a resumed download, the part from before may be the wrong one
                raise _MirrorError(f"expected SHA-256 {self.sha256}, got {digest}")
        raise _MirrorError(
            f"connection lost {TRIES} times, the last time at {self.present_bytes} of {self.size_bytes} bytes"
        )

    def _append(self, url: str) -> None:
        with closing(self._open(url)) as answer:
            start = self._start(answer)
            with self.path.open("ab") as file:
                file.truncate(start)
                for chunk in _chunks(answer, self.size_bytes - start):
                    file.write(chunk)
                    self.on_progress(file.tell())
                file.flush()
                os.fsync(file.fileno())

    def _open(self, url: str) -> Answer:
        """Request the bytes that are not present.

        Raises:
            _MirrorError: The mirror does not answer in time, or answers with an error.
        """
        host = _host(url)
        if host in self.unreachable:
            raise _MirrorError(self.unreachable[host])
        try:
            return _within(self.answer_timeout_s, lambda: _request(url, self.present_bytes))
        except urllib.error.HTTPError as error:
            error.close()
            raise _MirrorError(f"HTTP {error.code} {error.reason}") from error
        except (*NETWORK_ERRORS, ValueError) as error:
            reason = getattr(error, "reason", error)
            self.unreachable[host] = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise _MirrorError(self.unreachable[host]) from error

    def _start(self, answer: Answer) -> int:
        """The position in the file of an answer's first byte: 0 from a server that ignores ranges."""
        start, header, expected = 0, "Content-Length", f"{self.size_bytes}"
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            start, header = self.present_bytes, "Content-Range"
            expected = f"bytes {start}-{self.size_bytes - 1}/{self.size_bytes}"
        if answer.headers.get(header, expected) != expected:
            raise _MirrorError(f"expected {header} {expected}, got {answer.headers[header]}")
        return start


def _request(url: str, start: int) -> Answer:
    request = urllib.request.Request(url)  # noqa: S310 - an address from the catalogue or from the operator
    if start:
        request.add_header("Range", f"bytes={start}-")
    answer: Answer = urllib.request.urlopen(request, timeout=READ_TIMEOUT_S)  # noqa: S310 - likewise
    return answer


def _chunks(answer: Answer, count: int) -> Iterator[bytes]:
    """At most `count` bytes of an answer; fewer if the connection is lost."""
    while count > 0:
        try:
            chunk = answer.read(min(CHUNK_BYTES, count))
        except NETWORK_ERRORS:
            return
        if not chunk:
            return
        count -= len(chunk)
        yield chunk


def _host(url: str) -> str:
    return urlsplit(url).netloc or url


def _within(timeout_s: float, function: Callable[[], T]) -> T:
    """Run a function in a thread; a socket's own timeout does not cover the lookup of the host's address.

    Raises:
        TimeoutError: The function takes longer; its thread continues, and its result is dropped.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:  # noqa: BLE001 - the caller raises it
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout_s)
    for error in errors:
        raise error
    if not results:
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    return results[0]
