"""One file over HTTP, from the first mirror that has it, going on where an earlier try was cut off.

Range requests: RFC 9110, section 14.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from cronnx_server.build_models import mirror
from cronnx_server.build_models.mirror import Answer, MirrorError
from cronnx_server.errors import SetupError

TRIES = 4


def download(
    path: Path,
    urls: Sequence[str],
    *,
    size_bytes: int,
    sha256: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fetch a file to `path`, where it is whole and verified or not at all.

    Args:
        path: what an earlier try fetched of it is beside it, as `<name>.partial`.
        urls: mirrors, in the order they are tried.
        size_bytes: its size.
        sha256: its SHA-256, hexadecimal.
        on_progress: called with the number of bytes that are here.

    Raises:
        SetupError: no mirror gives it, with each one's reason; or it cannot be written.
    """
    partial = _Partial(path.with_name(f"{path.name}.partial"), size_bytes, sha256, on_progress)
    reasons = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                partial.complete(url)
            except MirrorError as error:
                reasons.append(f"{mirror.host(url)}: {error}")
            else:
                partial.path.replace(path)
                return
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
    raise SetupError(
        f"{path.name} cannot be fetched ({'; '.join(reasons)}): connect to the network, or give the address "
        f"of a folder that has it in {mirror.INSIDE_MIRROR}"
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Partial:
    """A file that grows to its size; what came stays for the next try where the connection is cut."""

    path: Path
    size_bytes: int
    sha256: str
    on_progress: Callable[[int], None]

    @property
    def held_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def complete(self, url: str) -> None:
        """Fetch what lacks from one mirror, and verify the whole.

        Raises:
            MirrorError: this mirror does not give it.
            OSError: it cannot be written.
        """
        for _ in range(TRIES):
            resumed = self.held_bytes > 0
            if self.held_bytes < self.size_bytes:
                self._append(url)
            if self.held_bytes < self.size_bytes:
                continue
            if (digest := sha256_of(self.path)) == self.sha256:
                return
            self.path.unlink()
            if not resumed:  # else the part that was there may be to blame
                raise MirrorError(f"its file has SHA-256 {digest}, expected {self.sha256}")
        raise MirrorError(f"cut off {TRIES} times, the last time at {self.held_bytes} of {self.size_bytes} bytes")

    def _append(self, url: str) -> None:
        with closing(mirror.answer(url, start=self.held_bytes)) as answer:
            start = self._start(answer)
            with self.path.open("ab") as file:
                file.truncate(start)
                for chunk in mirror.chunks(answer, self.size_bytes - start):
                    file.write(chunk)
                    self.on_progress(file.tell())
                file.flush()
                os.fsync(file.fileno())

    def _start(self, answer: Answer) -> int:
        """The place in the file of an answer's first byte: a server may know no ranges and send it all."""
        start, header, expected = 0, "Content-Length", f"{self.size_bytes}"
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            start, header = self.held_bytes, "Content-Range"
            expected = f"bytes {start}-{self.size_bytes - 1}/{self.size_bytes}"
        if answer.headers.get(header, expected) != expected:
            raise MirrorError(f"{header} is {answer.headers[header]}, expected {expected}")
        return start
