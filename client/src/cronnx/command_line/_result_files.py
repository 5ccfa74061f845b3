"""A file of results that the next run resumes, even after the process was killed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from types import TracebackType

from cronnx.command_line._locked_files import open_locked, remove_locked, sync_folder
from cronnx.command_line._records import ENCODING, ERRORS, Record, RecordFormat

SYNC_INTERVAL_S = 1.0

_MAX_RECORD_BYTES = 64 * 1024  # a path has up to 4096 bytes, and JSON up to 6 characters for each


class OutputError(Exception):
    """The output file cannot be used."""


@contextlib.contextmanager
def output_errors(path: str) -> Iterator[None]:
    """Raise the system's errors as `OutputError` with the file's name."""
    try:
        yield
    except BlockingIOError as error:
        raise OutputError(f"{path}: another run is writing this file: wait for it, or give another name") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def digest(path: str, model: str) -> bytes:
    """Return 16 bytes that stand for a path and a model; a million of them take about 0.1 GB of memory."""
    return blake2b(f"{path}\0{model}".encode(ENCODING, ERRORS), digest_size=16).digest()


class ResultFile:
    """Appends records to a file, and knows the records that are in it.

    Each record is written at once. A killed process leaves complete records and at most one incomplete one, which the
    next run removes. The file is synced every second and when it is closed, so a power failure may lose the records of
    the last second.
    """

    def __init__(
        self,
        path: str,
        record_format: RecordFormat,
        *,
        clock: Callable[[], float] = time.monotonic,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        """Open a file, or create it, and lock it until it is closed.

        Raises:
            OutputError: The file cannot be written, another process has locked it, or it holds something else.
        """
        self._path = path
        self._format = record_format
        self._clock, self._sync = clock, sync
        self._claimed: set[bytes] = set()
        self._is_removed = False
        with output_errors(path):
            self._file = open_locked(path)
            try:
                self._recover()
                sync_folder(path)
            except BaseException:
                os.close(self._file)
                raise
        self._synced_at = clock()

    def __enter__(self) -> ResultFile:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def claim(self, path: str, model: str) -> bool:
        """Return whether a path and a model have no record and were not claimed before, and claim them."""
        key = digest(path, model)
        is_new = key not in self._claimed
        self._claimed.add(key)
        return is_new

    def add(self, record: Record) -> None:
        """Append a record.

        Raises:
            OutputError: The record cannot be written.
        """
        with output_errors(self._path):
            self._write(self._format.encode(record))
            if self._clock() - self._synced_at >= SYNC_INTERVAL_S:
                self._sync(self._file)
                self._synced_at = self._clock()

    def finish(self) -> None:
        """Do nothing: the file is complete after every record."""

    def remove(self) -> None:
        """Remove the file instead of closing it."""
        with output_errors(self._path):
            remove_locked(self._path, self._file)
        self._is_removed = True

    def close(self) -> None:
        """Sync, unlock and close the file, unless it is removed."""
        if self._is_removed:
            return
        with output_errors(self._path):
            try:
                self._sync(self._file)
            finally:
                os.close(self._file)

    def encoded(self) -> Iterator[bytes]:
        """Yield the header and the complete records."""
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            lines = b""
            for line in file:
                lines += line
                if self._format.is_complete(lines):
                    yield lines
                    lines = b""

    def _recover(self) -> None:
        end = 0
        for number, encoded in enumerate(self.encoded(), start=1):
            if end or not self._format.header:
                self._claimed.add(self._key(encoded, number))
            elif encoded != self._format.header:
                raise self._unusable("it has other columns")
            end += len(encoded)
        self._remove_torn(end)
        if end == 0:
            self._write(self._format.header)

    def _key(self, encoded: bytes, number: int) -> bytes:
        try:
            return digest(*self._format.path_and_model(encoded))
        except ValueError as error:
            raise self._unusable(f"record {number}: {error}") from error

    def _remove_torn(self, end: int) -> None:
        os.lseek(self._file, end, os.SEEK_SET)
        torn = os.read(self._file, _MAX_RECORD_BYTES + 1)
        is_short = len(torn) <= _MAX_RECORD_BYTES
        torn = torn.rstrip(b"\0")  # after a power failure some file systems append zeros
        is_header = end == 0 and self._format.header.startswith(torn)
        if not is_short or not (torn == b"" or is_header or self._format.is_beginning(torn)):
            raise self._unusable(f"byte {end} is not the beginning of a record")
        os.ftruncate(self._file, end)

    def _unusable(self, reason: str) -> OutputError:
        return OutputError(
            f"{self._path}: cannot resume with this file: {reason}: give the same options as before, or another name"
        )

    def _write(self, encoded: bytes) -> None:
        left = memoryview(encoded)
        while left:
            left = left[os.write(self._file, left) :]
