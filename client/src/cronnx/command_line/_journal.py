"""A journal of records beside a file that can only be written as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from cronnx.command_line._locked_files import sync_folder
from cronnx.command_line._records import JsonLines, Record
from cronnx.command_line._result_files import ResultFile, digest, output_errors

J = TypeVar("J", bound="JournaledFile")


class JournaledFile:
    """Appends records to `FILE.partial.jsonl`, and replaces `FILE` in one step when the run is complete.

    A subclass writes the whole file, and may know records that the file already has.
    """

    def __init__(self, path: str) -> None:
        """Open the journal of a file, or create it, and lock it until it is closed.

        Raises:
            OutputError: The file cannot be written, another process has locked it, or it holds something else.
        """
        self._path = path
        self._journal = ResultFile(f"{path}.partial.jsonl", JsonLines())
        self._stored: set[bytes] = set()

    def __enter__(self: J) -> J:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def claim(self, path: str, model: str) -> bool:
        """See `ResultFile.claim`."""
        return digest(text(path), model) not in self._stored and self._journal.claim(path, model)

    def add(self, record: Record) -> None:
        """Append a record to the journal."""
        self._journal.add(record)

    def finish(self) -> None:
        """Write the file with the journal's records added, and remove the journal.

        Raises:
            OutputError: The file cannot be written. The journal stays.
        """
        aside = Path(f"{self._path}.partial")
        with output_errors(self._path):
            if next(self.journaled(), None) or not Path(self._path).exists():
                with aside.open("wb") as file:
                    self.write(file)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(self._path)
                sync_folder(self._path)
        self._journal.remove()

    def close(self) -> None:
        """Unlock and close the journal."""
        self._journal.close()

    def write(self, file: BinaryIO) -> None:
        """Write the whole file: the records that it has, and those of the journal."""
        raise NotImplementedError

    def journaled(self) -> Iterator[Record]:
        """Yield the records of the journal that are not in the file."""
        # A run that was killed after it had replaced the file leaves a journal of records that are in the file.
        for encoded in self._journal.encoded():
            record = json.loads(encoded)
            record["path"] = text(record["path"])
            if digest(record["path"], record["model"]) not in self._stored:
                yield record


def text(path: str) -> str:
    """Escape the bytes of a path that are not UTF-8, which a file of text must be."""
    return path.encode(errors="backslashreplace").decode()
