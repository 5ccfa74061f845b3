"""The record of one image in a result file, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Protocol, TypeAlias

from cronnx._classification import MAX_TOP_K
from cronnx._tasks import Answer

Record: TypeAlias = dict[str, Any]
"""`path`, `model` (the model asked), then the fields of the answer's `to_dict`."""

ENCODING, ERRORS = "utf-8", "surrogateescape"  # a path that is not UTF-8 keeps its bytes

_JSON_PREFIX = b'{"path": "'


def record(path: str, model: str, answer: Answer, *, top_k: int = MAX_TOP_K) -> Record:
    """Make the record of an image; of a classification with this number of classes."""
    fields = answer.to_dict()
    if "top" in fields:
        fields["top"] = fields["top"][:top_k]
    return {"path": path, "model": model, **fields}


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


_COMMON = ("path", "model", "served_by")
_NUMBERING = ("number", "count")
_ROWS = {
    "detections": ("label", "class_id", "score", "x1", "y1", "x2", "y2", "keypoints", "corners", "segmentation"),
    "classes": ("label", "class_id", "share", "segmentation"),
}
_SINGLE = {
    "embedding": ("embedding",),
    "depth": ("width", "height", "minimum", "maximum"),
}


class Csv:
    """Comma-separated values with quoted text, whose columns follow the model's task.

    A classification is a row, with columns of its own for each class after the best, by rank. An image with detections
    or with classes of pixels has a row for each; `number` counts them from 1 to `count`, and an image without any has
    one row whose number and count are 0. Lists and masks are JSON. An embedding and a depth are a row; the depth has
    only its range.
    """

    def __init__(self, task: str, top_k: int = 1) -> None:
        """Lay out the columns of a task's answers."""
        self._columns = _columns(task, top_k)
        self._is_numbered = _NUMBERING[0] in self._columns
        self.header = _csv(list(self._columns))

    def encode(self, record: Record) -> bytes:
        """See `RecordFormat.encode`."""
        return b"".join(_csv([row.get(column, "") for column in self._columns]) for row in _rows(record))

    def is_complete(self, lines: bytes) -> bool:
        """See `RecordFormat.is_complete`."""
        if not (lines.endswith(b"\n") and _has_closed_quotes(lines)):
            return False
        if not self._is_numbered or lines == self.header:
            return True
        try:
            values = dict(zip(self._columns, _table(lines)[-1], strict=True))
        except ValueError:
            return True  # `path_and_model` refuses it
        return values["number"] == values["count"]

    def is_beginning(self, torn: bytes) -> bool:
        """See `RecordFormat.is_beginning`. The bytes must be rows of one image, or a stray quote would join many."""
        try:
            rows = _table(torn if _has_closed_quotes(torn) else torn + b'"')
        except ValueError:
            return False
        is_one = len(rows) == 1 or (self._is_numbered and len({tuple(row[:2]) for row in rows[:-1]}) == 1)
        return torn.startswith(b'"') and is_one

    def path_and_model(self, encoded: bytes) -> tuple[str, str]:
        """See `RecordFormat.path_and_model`."""
        rows = _table(encoded)
        for row in rows:
            if len(row) != len(self._columns):
                raise ValueError(f"expected {len(self._columns)} columns, got {len(row)}")
        if not rows or (len(rows) > 1 and not self._is_numbered):
            raise ValueError(f"expected one row, got {len(rows)}")
        return rows[0][0], rows[0][1]


def _columns(task: str, top_k: int) -> tuple[str, ...]:
    if task in ("classification", "multi_label"):
        ranks = (f"{field}_{rank}" for rank in range(2, top_k + 1) for field in ("label", "class_id", "score"))
        return ("path", "model", "label", "class_id", "score", "served_by", *ranks)
    if task in _SINGLE:
        return (*_COMMON, *_SINGLE[task])
    part = "classes" if task == "semantic_segmentation" else "detections"
    return (*_COMMON, *_NUMBERING, *_ROWS[part])


def _rows(record: Record) -> list[Record]:
    """Return the rows of a record, as values by column."""
    if "top" in record:
        ranked = {
            f"{field}_{rank}": value
            for rank, scored in enumerate(record["top"][1:], start=2)
            for field, value in scored.items()
        }
        return [{**record, **ranked}]
    parts = next((record[name] for name in _ROWS if name in record), None)
    if parts is None:
        return [{**record, **record.get("geometry", {}), "embedding": json.dumps(record.get("embedding"))}]
    common = {column: record[column] for column in _COMMON}
    if not parts:
        return [{**common, "number": 0, "count": 0}]
    return [
        {**common, "number": number, "count": len(parts), **_flat(part)} for number, part in enumerate(parts, start=1)
    ]


def _flat(part: Record) -> Record:
    box = dict(zip(("x1", "y1", "x2", "y2"), part.get("box", ()), strict=False))
    return {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in part.items()} | box


def _has_closed_quotes(lines: bytes) -> bool:
    return lines.count(b'"') % 2 == 0


def _table(lines: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(lines.decode(ENCODING, ERRORS), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _csv(values: list[Any]) -> bytes:
    line = io.StringIO(newline="")
    # Before Python 3.11, `csv` neither writes nor reads null characters.
    kept = [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value for value in values]
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(kept)
    return line.getvalue().encode(ENCODING, ERRORS)
