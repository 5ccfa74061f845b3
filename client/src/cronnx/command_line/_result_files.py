"""A file of results that a killed run leaves behind and the next one goes on with."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from types import TracebackType

from cronnx.command_line._file_lock import open_alone, sync_folder
from cronnx.command_line._records import ENCODING, ERRORS, Record, RecordFormat

SYNC_INTERVAL_S = 1.0

_MAX_RECORD_BYTES = 64 * 1024  # a path has up to 4096 bytes, and a byte up to 6 characters in JSON


class OutputError(Exception):
    """The output file cannot be used."""


@contextlib.contextmanager
def output_errors(path: str) -> Iterator[None]:
    """Say what file it is about, where the system refuses."""
    try:
        yield
    except BlockingIOError as error:
        raise OutputError(f"{path}: another run is writing this file: wait for it, or give another name") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def digest(path: str, model: str) -> bytes:
    """Stand for a path and a model in 16 bytes: a million of them take about 0.1 GB of memory."""
    return blake2b(f"{path}\0{model}".encode(ENCODING, ERRORS), digest_size=16).digest()


class ResultFile:
    """Appends records, each written at once and by itself, and knows those that are there.

    A process that is killed leaves whole records and at most one torn one, which the next run drops. A power failure
    may also cost the records of the last second or so: the file is synced that often, and when it is closed.
    """

    def __init__(
        self,
        path: str,
        record_format: RecordFormat,
        *,
        clock: Callable[[], float] = time.monotonic,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        """Open a file, made where there is none; nobody else can until it is closed.

        Raises:
            OutputError: The file cannot be written, another process has it, or it holds something else.
        """
        self._path = path
        self._format = record_format
        self._clock, self._sync = clock, sync
        self._claimed: set[bytes] = set()
        with output_errors(path):
            self._file = open_alone(path)
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
        """Tell whether there is no record of this, and it was not claimed before."""
        key = digest(path, model)
        is_new = key not in self._claimed
        self._claimed.add(key)
        return is_new

    def add(self, record: Record) -> None:
        """Append a record.

        Raises:
            OutputError: It cannot be written.
        """
        with output_errors(self._path):
            self._write(self._format.encode(record))
            if self._clock() - self._synced_at >= SYNC_INTERVAL_S:
                self._sync(self._file)
                self._synced_at = self._clock()

    def finish(self) -> None:
        """Nothing is left to do for a file that is complete after every record."""

    def close(self) -> None:
        """Let others have the file."""
        with output_errors(self._path):
            try:
                self._sync(self._file)
            finally:
                os.close(self._file)

    def encoded(self) -> Iterator[bytes]:
        """Read the records that are there, and the header before them; what is torn at the end is left out."""
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            lines = b""
            for line in file:
                lines += line
                if self._format.is_whole(lines):
                    yield lines
                    lines = b""

    def _recover(self) -> None:
        end = 0
        for number, encoded in enumerate(self.encoded(), start=1):
            if end or not self._format.header:
                self._claimed.add(self._key(encoded, number))
            elif encoded != self._format.header:
                raise self._foreign("it has other columns")
            end += len(encoded)
        self._drop_torn(end)
        if end == 0:
            self._write(self._format.header)

    def _key(self, encoded: bytes, number: int) -> bytes:
        try:
            return digest(*self._format.path_and_model(encoded))
        except ValueError as error:
            raise self._foreign(f"record {number}: {error}") from error

    def _drop_torn(self, end: int) -> None:
        torn = os.pread(self._file, _MAX_RECORD_BYTES + 1, end)
        is_short = len(torn) <= _MAX_RECORD_BYTES
        torn = torn.rstrip(b"\0")  # some file systems end in zeros after a power failure
        is_header = end == 0 and self._format.header.startswith(torn)
        if not is_short or not (torn == b"" or is_header or self._format.is_beginning(torn)):
            raise self._foreign(f"what begins at byte {end} is no record")
        os.ftruncate(self._file, end)

    def _foreign(self, reason: str) -> OutputError:
        return OutputError(
            f"{self._path}: cannot go on with this file: {reason}: give the same options as before, or another name"
        )

    def _write(self, encoded: bytes) -> None:
        left = memoryview(encoded)
        while left:
            left = left[os.write(self._file, left) :]
