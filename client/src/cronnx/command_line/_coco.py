"""Detections as COCO's results: one JSON array with an object for each detection.

See https://cocodataset.org/#format-results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from cronnx.command_line._journal import JournaledFile
from cronnx.command_line._records import Record
from cronnx.command_line._result_files import OutputError


class CocoFile(JournaledFile):
    """A JSON file of COCO's results, which is written when the run is complete."""

    def __init__(self, path: str) -> None:
        """Open the file's journal; see `JournaledFile`.

        Raises:
            OutputError: The file exists already, cannot be written, or another process has locked its journal.
        """
        if Path(path).exists():
            raise OutputError(f"{path}: expected a new file, because COCO's results cannot be resumed; got an old one")
        super().__init__(path)

    def write(self, file: BinaryIO) -> None:
        """See `JournaledFile.write`."""
        array = CocoArray()
        for record in self.journaled():
            file.write(array.encode(record).encode())
        file.write(array.end().encode())


class CocoArray:
    """The text of one JSON array, an image at a time."""

    def __init__(self) -> None:
        self._separator = "[\n"

    def encode(self, record: Record) -> str:
        """Return the array's next elements, the results of an image."""
        text = ""
        for result in coco_results(record):
            text += self._separator + json.dumps(result)
            self._separator = ",\n"
        return text

    def end(self) -> str:
        """Return the end of the array."""
        return "[]\n" if self._separator == "[\n" else "\n]\n"


def coco_results(record: Record) -> Iterator[dict[str, Any]]:
    """Yield the results of an image.

    `image_id` is the file's name without its suffix, a number if it is one, as in COCO's own files. `category_id` is
    the class's index in the model's labels, and `category_name` its label. `bbox` is x, y, width, height.
    """
    stem = PurePath(record["path"]).stem
    for found in record["detections"]:
        x1, y1, x2, y2 = found["box"]
        result = {
            "image_id": int(stem) if stem.isascii() and stem.isdecimal() else stem,
            "category_id": found["class_id"],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": found["score"],
        }
        if "segmentation" in found:
            result["segmentation"] = found["segmentation"]
        if "keypoints" in found:
            result["keypoints"] = [value for point in found["keypoints"] for value in point]
        yield {**result, "category_name": found["label"], "file_name": record["path"]}
