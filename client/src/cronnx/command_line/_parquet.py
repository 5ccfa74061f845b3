# ruff: noqa: ANN401 - pyarrow is untyped
"""Results as Parquet. Parquet cannot be appended to, so a journal keeps the records until the run is complete."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from cronnx.command_line._records import JsonLines, Record
from cronnx.command_line._result_files import OutputError, ResultFile, digest, output_errors, sync_folder

_ROWS_AT_ONCE = 10_000


class ParquetFile:
    """Appends records to `FILE.partial.jsonl`, and replaces `FILE` in one step when the run is complete."""

    def __init__(self, path: str) -> None:
        """Open the journal of a Parquet file, or create it, and lock it until it is closed.

        Raises:
            OutputError: pyarrow is not installed, the file cannot be written, another process has locked it, or it
                holds something else.
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
        """See `ResultFile.claim`."""
        return digest(_text(path), model) not in self._stored and self._journal.claim(path, model)

    def add(self, record: Record) -> None:
        """Append a record to the journal."""
        self._journal.add(record)

    def finish(self) -> None:
        """Write the file with the journal's records added, and remove the journal.

        Raises:
            OutputError: The file cannot be written. The journal stays.
        """
        aside = f"{self._path}.partial"
        with output_errors(self._path):
            if next(self._journaled(), None) or not Path(self._path).exists():
                self._write(aside)
                Path(aside).replace(self._path)
                sync_folder(self._path)
            Path(self._journal_path).unlink()

    def close(self) -> None:
        """Unlock and close the file."""
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
            raise OutputError(f"{self._path}: cannot be read as Parquet: {error}; give another name") from error

    def _check(self, file: Any) -> None:
        if not file.schema_arrow.equals(self._schema):
            raise OutputError(f"{self._path}: expected the columns of this command, got others; give another name")

    def _journaled_batches(self) -> Iterator[Any]:
        records = self._journaled()
        while rows := list(itertools.islice(records, _ROWS_AT_ONCE)):
            yield self._arrow.RecordBatch.from_pylist(rows, schema=self._schema)

    def _journaled(self) -> Iterator[Record]:
        # A run that was killed after it had replaced the file leaves a journal of records that are in the file.
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
    """Escape the bytes of a path that are not UTF-8, which Parquet's text must be."""
    return path.encode(errors="backslashreplace").decode()
