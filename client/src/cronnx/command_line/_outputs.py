"""Where answers go: onto standard output, or into a file by its suffix."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from cronnx.command_line._answer_lines import AnswerLines
from cronnx.command_line._parquet import ParquetFile
from cronnx.command_line._records import Csv, JsonLines, Record
from cronnx.command_line._result_files import OutputError, ResultFile

FILE_SUFFIXES = (".jsonl", ".csv", ".parquet")


class Output(Protocol):
    """Takes the answers as they come."""

    def claim(self, path: str, model: str) -> bool:
        """Tell whether an image is still to be asked about."""

    def add(self, record: Record) -> None:
        """Take an answer."""

    def finish(self) -> None:
        """Every image has been asked about."""


def open_file(path: str, *, top_k: int) -> AbstractContextManager[Output]:
    """Open a file for the answers.

    Raises:
        OutputError: Its name ends in no suffix of FILE_SUFFIXES, or it cannot be used.
    """
    match Path(path).suffix:
        case ".jsonl":
            return ResultFile(path, JsonLines())
        case ".csv":
            return ResultFile(path, Csv(top_k))
        case ".parquet":
            return ParquetFile(path)
    raise OutputError(f"{path}: expected a name that ends in {', '.join(FILE_SUFFIXES)}")


def standard_output(*, as_json: bool) -> AbstractContextManager[Output]:
    """Print the answers: as JSON, or as a table as wide as the terminal, where it is one."""
    if as_json:
        return nullcontext(Printed(json.dumps))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return nullcontext(Printed(AnswerLines(width)))


class Printed:
    """Prints every answer."""

    def __init__(self, as_text: Callable[[Record], str]) -> None:
        self._as_text = as_text
        self._file = sys.stdout  # as it is now: a progress bar on standard error may take its place

    def claim(self, path: str, model: str) -> bool:  # noqa: ARG002 - Output's
        """Print it even if it was printed before."""
        return True

    def add(self, record: Record) -> None:
        """Print an answer."""
        print(self._as_text(record), file=self._file, flush=True)

    def finish(self) -> None:
        """Print nothing more."""
