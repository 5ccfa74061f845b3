"""The record of one image in a result file, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Protocol, TypeAlias

from cronnx import Classification

Record: TypeAlias = dict[str, Any]
"""`path`, `model` (the model asked), then the fields of `Classification.as_dict`."""

ENCODING, ERRORS = "utf-8", "surrogateescape"  # a path that is not UTF-8 keeps its bytes

_JSON_PREFIX = b'{"path": "'


def record(path: str, model: str, answer: Classification) -> Record:
    """Make the record of an image."""
    return {"path": path, "model": model, **answer.as_dict()}


class RecordFormat(Protocol):
    """Records as bytes. Each record ends with a line end, and may contain others.

    Attributes:
        header: The beginning of a file.
    """

    header: bytes

    def encode(self, record: Record) -> bytes:
        """Encode a record."""

    def is_complete(self, lines: bytes) -> bool:
        """Return whether these lines end where a record ends."""

    def is_beginning(self, torn: bytes) -> bool:
        """Return whether a record can begin with these bytes."""

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """Return a record's path and model.

        Raises:
            ValueError: The bytes are not a record.
        """


class JsonLines:
    """One JSON object a line, in ASCII. A path's byte that is not UTF-8 is a lone surrogate, U+DC80 to U+DCFF."""

    header = b""

    def encode(self, record: Record) -> bytes:
        """See `RecordFormat.encode`."""
        return json.dumps(record).encode() + b"\n"

    def is_complete(self, lines: bytes) -> bool:
        """See `RecordFormat.is_complete`."""
        return lines.endswith(b"\n")

    def is_beginning(self, torn: bytes) -> bool:
        """See `RecordFormat.is_beginning`."""
        return torn.startswith(_JSON_PREFIX[: len(torn)])

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """See `RecordFormat.path_and_model`."""
        match json.loads(encoded):
            case {"path": str(path), "model": str(model)}:
                return path, model
        raise ValueError("expected a path and a model, got other fields")


class Csv:
    """Comma-separated values with quoted text. Each class after the best has its own columns, by rank."""

    def __init__(self, top_k: int) -> None:
        ranks = [f"{field}_{rank}" for rank in range(2, top_k + 1) for field in ("label", "class_id", "score")]
        self._column_count = 6 + len(ranks)
        self.header = _csv(["path", "model", "label", "class_id", "score", "served_by", *ranks])

    def encode(self, record: Record) -> bytes:
        """See `RecordFormat.encode`."""
        best = [record[field] for field in ("path", "model", "label", "class_id", "score", "served_by")]
        return _csv(best + [value for scored in record["top"][1:] for value in scored.values()])

    def is_complete(self, lines: bytes) -> bool:
        """See `RecordFormat.is_complete`."""
        return lines.endswith(b"\n") and _has_closed_quotes(lines)

    def is_beginning(self, torn: bytes) -> bool:
        """See `RecordFormat.is_beginning`. The bytes must be one row, or a stray quote would join many rows to one."""
        try:
            _values(torn if _has_closed_quotes(torn) else torn + b'"')
        except ValueError:
            return False
        return torn.startswith(b'"')

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """See `RecordFormat.path_and_model`."""
        values = _values(encoded)
        if len(values) != self._column_count:
            raise ValueError(f"expected {self._column_count} columns, got {len(values)}")
        return values[0], values[1]


def _has_closed_quotes(lines: bytes) -> bool:
    return lines.count(b'"') % 2 == 0


def _values(row: bytes) -> list[str]:
    try:
        (values,) = csv.reader(io.StringIO(row.decode(ENCODING, ERRORS), newline=""), strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return values


def _csv(values: list[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(values)
    return line.getvalue().encode(ENCODING, ERRORS)
