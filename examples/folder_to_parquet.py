"""Classify every photo of a folder and write the answers to a Parquet file, one row for each photo.

    pip install './client[parquet]'
    python examples/folder_to_parquet.py photos answers.parquet

The rows are written as the answers come, so the number of photos does not matter. A photo that fails has its error in
the row. `cronnx predict photos --output answers.parquet` does it in one command, and resumes; this is the start for a
table of your own.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cronnx import Classification, Client, Outcome

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("served_by", pa.string()),
        ("error", pa.string()),
    ]
)
ROWS_AT_ONCE = 1000


def main() -> None:
    """Write the file, and say how many photos were answered."""
    parser = argparse.ArgumentParser(description="Classify the photos of a folder into a Parquet file.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--url", default="grpc://127.0.0.1:8001")
    parser.add_argument("--model", default="efficientnet_lite0")
    options = parser.parse_args()

    photos = (path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    answered = failed = 0
    with Client(options.url) as client, pq.ParquetWriter(options.output, SCHEMA) as file:
        rows = map(row, client.classify_many(photos, model_name=options.model))
        for some in batches(rows):
            file.write_table(pa.Table.from_pylist(some, SCHEMA))
            failed += sum(each["error"] is not None for each in some)
            answered += len(some)
    print(f"{options.output}: {answered} photos, {failed} failed")


def row(outcome: Outcome[Path, Classification]) -> dict[str, object]:
    """Return the row of a photo."""
    answer, path = outcome.answer, str(outcome.image)
    if answer is None:
        return {"path": path, "error": str(outcome.error)}
    return {"path": path, "label": answer.label, "score": answer.score, "served_by": answer.served_by, "error": None}


def batches(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    """Yield the rows a thousand at a time."""
    while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield some


if __name__ == "__main__":
    main()
