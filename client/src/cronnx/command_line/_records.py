"""The answer for one image, as it is written into files: what a record holds, and how."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Protocol, TypeAlias

from cronnx import Classification

Record: TypeAlias = dict[str, Any]
"""`path`, `model` (what was asked), then the answer as `Classification.as_dict` gives it."""

ENCODING, ERRORS = "utf-8", "surrogateescape"  # a path that is no UTF-8 keeps its bytes

_JSON_PREFIX = b'{"path": "'


def record(path: str, model: str, answer: Classification) -> Record:
    """Put together what is known of an image."""
    return {"path": path, "model": model, **answer.as_dict()}


class RecordFormat(Protocol):
    """Records as bytes. Each ends with a line end, and may have some in between.

    Attributes:
        header: What a file begins with.
    """

    header: bytes

    def encode(self, record: Record) -> bytes:
        """Write a record."""

    def is_whole(self, lines: bytes) -> bool:
        """Tell whether these lines are a record, or the beginning of one."""

    def is_beginning(self, torn: bytes) -> bool:
        """Tell whether a record may begin with this."""

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """Read what a record is about.

        Raises:
            ValueError: This is no record.
        """


class JsonLines:
    """A JSON object a line, in ASCII; a byte of a path that is no UTF-8 is a lone surrogate, U+DC80 to U+DCFF."""

    header = b""

    def encode(self, record: Record) -> bytes:
        """Write a record."""
        return json.dumps(record).encode() + b"\n"

    def is_whole(self, lines: bytes) -> bool:
        """Tell whether the line is a record."""
        return lines.endswith(b"\n")

    def is_beginning(self, torn: bytes) -> bool:
        """Tell whether an object with a path may begin with this."""
        return torn.startswith(_JSON_PREFIX[: len(torn)])

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """Read what a record is about."""
        match json.loads(encoded):
            case {"path": str(path), "model": str(model)}:
                return path, model
        raise ValueError("no path or no model")


class Csv:
    """Comma-separated values, text in quotes; the classes after the best have columns of their own, by rank."""

    def __init__(self, top_k: int) -> None:
        ranks = [f"{field}_{rank}" for rank in range(2, top_k + 1) for field in ("label", "class_id", "score")]
        self._column_count = 6 + len(ranks)
        self.header = _csv(["path", "model", "label", "class_id", "score", "served_by", *ranks])

    def encode(self, record: Record) -> bytes:
        """Write a record."""
        best = [record[field] for field in ("path", "model", "label", "class_id", "score", "served_by")]
        return _csv(best + [value for scored in record["top"][1:] for value in scored.values()])

    def is_whole(self, lines: bytes) -> bool:
        """Tell whether all quotes are closed."""
        return lines.endswith(b"\n") and _is_closed(lines)

    def is_beginning(self, torn: bytes) -> bool:
        """Tell whether this is one row, once its quotes are closed: a quote astray would make many rows one."""
        try:
            _values(torn if _is_closed(torn) else torn + b'"')
        except ValueError:
            return False
        return torn.startswith(b'"')

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """Read what a record is about."""
        values = _values(encoded)
        if len(values) != self._column_count:
            raise ValueError(f"{len(values)} columns, expected {self._column_count}")
        return values[0], values[1]


def _is_closed(lines: bytes) -> bool:
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
