# ruff: noqa: ANN401 - pyarrow is untyped
"""Results as Parquet. Parquet cannot be appended to, so a journal keeps the records until the run is complete."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from cronnx.command_line._journal import JournaledFile
from cronnx.command_line._result_files import OutputError, digest

_ROWS_AT_ONCE = 10_000


class ParquetFile(JournaledFile):
    """A Parquet file of the answers of one task, a row an image."""

    def __init__(self, path: str, task: str) -> None:
        """Open the file's journal; see `JournaledFile`.

        Raises:
            OutputError: pyarrow is not installed, the file cannot be written, another process has locked it, or it
                holds something else.
        """
        self._arrow, self._parquet = _pyarrow(path)
        self._schema = _schema(self._arrow, task)
        super().__init__(path)
        try:
            self._stored = {digest(*row) for batch in self._batches(["path", "model"]) for row in _rows(batch)}
        except BaseException:
            self.close()
            raise

    def write(self, file: BinaryIO) -> None:
        """See `JournaledFile.write`."""
        with self._parquet.ParquetWriter(file, self._schema) as writer:
            for batch in itertools.chain(self._batches(), self._journaled_batches()):
                writer.write_batch(batch)

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
            raise OutputError(
                f"{self._path}: expected the columns of this command and the model's task, got others; give another"
                " name"
            )

    def _journaled_batches(self) -> Iterator[Any]:
        records = self.journaled()
        while rows := list(itertools.islice(records, _ROWS_AT_ONCE)):
            yield self._arrow.RecordBatch.from_pylist(rows, schema=self._schema)


def _pyarrow(path: str) -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise OutputError(f"{path}: Parquet needs pyarrow ({error}): pip install 'pyarrow<26'") from error
    return pyarrow, pyarrow.parquet


def _schema(arrow: ModuleType, task: str) -> Any:
    return arrow.schema(
        [("path", arrow.string()), ("model", arrow.string()), *_fields(arrow, task), ("served_by", arrow.string())]
    )


def _fields(arrow: ModuleType, task: str) -> list[tuple[str, Any]]:
    number, integer, word = arrow.float64(), arrow.int64(), arrow.string()
    labelled = [("label", word), ("class_id", integer)]
    scored = [*labelled, ("score", number)]
    size = [("width", integer), ("height", integer)]
    mask = ("segmentation", arrow.struct([("size", arrow.list_(integer)), ("counts", word)]))
    match task:
        case "classification" | "multi_label":
            return [*scored, ("top", arrow.list_(arrow.struct(scored))), ("independent", arrow.bool_())]
        case "semantic_segmentation":
            return [*size, ("classes", arrow.list_(arrow.struct([*labelled, ("share", number), mask])))]
        case "embedding":
            return [("embedding", arrow.list_(arrow.float32()))]
        case "depth":
            geometry = [*size, *((name, number) for name in ("scale_x", "scale_y", "pad_x", "pad_y"))]
            grid = arrow.list_(arrow.list_(arrow.float32()))
            return [("geometry", arrow.struct(geometry)), ("minimum", number), ("maximum", number), ("grid", grid)]
    points = arrow.list_(arrow.list_(number))
    parts = [*scored, ("box", arrow.list_(number)), ("keypoints", points), ("corners", points), mask]
    return [*size, ("detections", arrow.list_(arrow.struct(parts)))]


def _rows(batch: Any) -> Iterator[tuple[str, str]]:
    return zip(batch["path"].to_pylist(), batch["model"].to_pylist(), strict=True)
