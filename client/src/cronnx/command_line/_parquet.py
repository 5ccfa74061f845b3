# ruff: noqa: ANN401 - pyarrow is untyped
"""Results as Parquet, which cannot be appended to: kept in a journal beside the file until the run is complete."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from cronnx.command_line._file_lock import sync_folder
from cronnx.command_line._records import JsonLines, Record
from cronnx.command_line._result_files import OutputError, ResultFile, digest, output_errors

_ROWS_AT_ONCE = 10_000


class ParquetFile:
    """Adds records to `FILE.partial.jsonl`, and those to `FILE` once the run is complete, in one step."""

    def __init__(self, path: str) -> None:
        """Open the journal of a Parquet file, made where there is none; nobody else can until it is closed.

        Raises:
            OutputError: pyarrow is lacking, the file cannot be written, another process has it, or it holds
                something else.
        """
        self._path = path
        self._arrow, self._parquet = _pyarrow(path)
        self._schema = _schema(self._arrow)
        self._journal_path = f"{path}.partial.jsonl"
        self._journal = ResultFile(self._journal_path, JsonLines())
        self._added = False
        try:
            self._stored = {digest(*row) for batch in self._batches(["path", "model"]) for row in _rows(batch)}
        except BaseException:
            self._journal.close()
            raise

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def claim(self, path: str, model: str) -> bool:
        """Tell whether there is no record of this, and it was not claimed before."""
        return digest(_text(path), model) not in self._stored and self._journal.claim(path, model)

    def add(self, record: Record) -> None:
        """Append a record to the journal."""
        self._journal.add(record)

    def finish(self) -> None:
        """Write the file anew, with what the journal adds, and drop the journal.

        Raises:
            OutputError: The file cannot be written; the journal stays.
        """
        aside = f"{self._path}.partial"
        with output_errors(self._path):
            if next(self._journaled(), None) or not Path(self._path).exists():
                self._write(aside)
                Path(aside).replace(self._path)
                sync_folder(self._path)
            Path(self._journal_path).unlink()

    def close(self) -> None:
        """Let others have the file."""
        self._journal.close()

    def _write(self, aside: str) -> None:
        with Path(aside).open("wb") as file:
            with self._parquet.ParquetWriter(file, self._schema) as writer:
                for batch in itertools.chain(self._batches(), self._journaled_batches()):
                    writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())

    def _batches(self, columns: list[str] | None = None) -> Iterator[Any]:
        if not Path(self._path).exists():
            return
        try:
            with self._parquet.ParquetFile(self._path) as file:
                self._check(file)
                yield from file.iter_batches(_ROWS_AT_ONCE, columns=columns)
        except ValueError as error:  # pyarrow.ArrowInvalid is one
            raise OutputError(f"{self._path}: cannot be read as Parquet: {error}") from error

    def _check(self, file: Any) -> None:
        if not file.schema_arrow.equals(self._schema):
            raise OutputError(f"{self._path}: not a file that this command line has written: give another name")

    def _journaled_batches(self) -> Iterator[Any]:
        records = self._journaled()
        while rows := list(itertools.islice(records, _ROWS_AT_ONCE)):
            yield self._arrow.RecordBatch.from_pylist(rows, schema=self._schema)

    def _journaled(self) -> Iterator[Record]:
        # A run killed after the file was replaced has left a journal of what the file holds.
        for encoded in self._journal.encoded():
            record = json.loads(encoded)
            record["path"] = _text(record["path"])
            if digest(record["path"], record["model"]) not in self._stored:
                yield record


def _pyarrow(path: str) -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow  # type: ignore[import-untyped]  # no stubs are published
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise OutputError(f"{path}: Parquet needs pyarrow ({error}): pip install 'cronnx[parquet]'") from error
    return pyarrow, pyarrow.parquet


def _schema(arrow: ModuleType) -> Any:
    scored = [("label", arrow.string()), ("class_id", arrow.int64()), ("score", arrow.float64())]
    return arrow.schema(
        [
            ("path", arrow.string()),
            ("model", arrow.string()),
            *scored,
            ("served_by", arrow.string()),
            ("top", arrow.list_(arrow.struct(scored))),
        ]
    )


def _rows(batch: Any) -> Iterator[tuple[str, str]]:
    return zip(batch["path"].to_pylist(), batch["model"].to_pylist(), strict=True)


def _text(path: str) -> str:
    """Parquet's text is UTF-8: other bytes of a path are escaped."""
    return path.encode(errors="backslashreplace").decode()
