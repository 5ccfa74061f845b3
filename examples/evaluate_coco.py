"""Measure a detector's accuracy on annotated photos, with COCO's own evaluation.

    pip install ./client pycocotools
    python examples/evaluate_coco.py instances_val2017.json val2017 --model yolo11n

The photos go through the server as a caller's do, so that decoding, resizing and the version that is live are measured
too. Classes are matched by their names: COCO's category ids are not the model's class ids.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cronnx import Client, Detections


def main() -> int:
    """Print COCO's twelve figures; the first is the mean average precision."""
    parser = argparse.ArgumentParser(description="Evaluate a detector with COCO's metrics.")
    parser.add_argument("annotations", help="COCO's JSON file")
    parser.add_argument("folder", type=Path, help="the folder of its photos")
    parser.add_argument("--url", default="grpc://127.0.0.1:8001")
    parser.add_argument("--model", default="yolo11n")
    options = parser.parse_args()

    truth = COCO(options.annotations)
    categories = {category["name"]: category["id"] for category in truth.dataset["categories"]}
    photos = {options.folder / image["file_name"]: image["id"] for image in truth.dataset["images"]}
    results: list[dict[str, Any]] = []
    unknown: set[str] = set()
    with Client(options.url) as client:
        for outcome in client.detect_many(photos, model_name=options.model, progress=sys.stderr.isatty()):
            if outcome.answer is None:  # a photo left out would improve or spoil the figures
                print(f"{outcome.image}: {outcome.error}", file=sys.stderr)
                return 1
            unknown |= {found.label for found in outcome.answer} - {*categories}
            results += coco_results(outcome.answer, photos[outcome.image], categories)
    if unknown:
        print(f"not in the annotations, so left out: {', '.join(sorted(unknown))}", file=sys.stderr)
    if not results:
        print("the detector found nothing of the annotations' categories", file=sys.stderr)
        return 1
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return 0


def coco_results(answer: Detections, image_id: int, categories: dict[str, int]) -> list[dict[str, Any]]:
    """Return the objects of a photo in COCO's format, whose boxes are x, y, width, height."""
    return [
        {
            "image_id": image_id,
            "category_id": categories[found.label],
            "bbox": [found.box[0], found.box[1], found.box[2] - found.box[0], found.box[3] - found.box[1]],
            "score": found.score,
        }
        for found in answer
        if found.label in categories
    ]


if __name__ == "__main__":
    sys.exit(main())
