"""Answers of every task as text, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_server.add_model.configs import ANSWER_NAMES
from cronnx_server.model_spec import Task
from cronnx_server.paths import PICTURES, ROOT

PICTURE = PICTURES / "coffee.jpg"
"""The sample photograph."""

Outputs = Mapping[str, npt.NDArray[Any]]
MOST_ROWS = 5


def described(outputs: Outputs, task: Task, *, origin: str) -> str:
    """The answer for the sample photograph as text.

    Args:
        outputs: The outputs of the ensemble or of its network's model by name, [1, ...]; a server gives strings as
            bytes.
        task: The task.
        origin: Where it was computed.
    """
    first = {ANSWER_NAMES.get(name, name): value[0] for name, value in outputs.items()}
    title = f"{PICTURE.relative_to(ROOT)} by {_text(first['served_by'][0])} {origin}"
    return "\n".join((title, *(f"  {line}" for line in _DESCRIPTIONS[task](first))))


def _classes(answer: Outputs) -> list[str]:
    pairs = zip(answer["score"].tolist(), answer["label"].tolist(), strict=True)
    return [f"{score:6.1%}  {_text(label)}" for score, label in pairs]


def _detections(answer: Outputs) -> list[str]:
    count = int(answer["num_detections"][0])
    rows = [
        f"{answer['score'][row]:6.1%}  {_text(answer['label'][row])}  "
        f"{', '.join(f'{edge:.0f}' for edge in answer['box'][row])}"
        for row in range(min(count, MOST_ROWS))
    ]
    more = [f"and {count - MOST_ROWS} more"] if count > MOST_ROWS else []
    return [*rows, *more] or ["nothing is detected"]


def _class_shares(answer: Outputs) -> list[str]:
    class_map, (width, height, scale_x, scale_y, pad_x, pad_y) = answer["class_map"], answer["geometry"].tolist()
    left, top = max(0, round(pad_x)), max(0, round(pad_y))
    shown_part = class_map[top : round(pad_y + height * scale_y), left : round(pad_x + width * scale_x)]
    classes, counts = np.unique(shown_part, return_counts=True)
    best = np.argsort(-counts)[:MOST_ROWS]
    labels = answer["label"]
    return [f"{counts[index] / shown_part.size:6.1%}  {_label(labels, int(classes[index]))}" for index in best]


def _label(labels: npt.NDArray[Any], class_id: int) -> str:
    return _text(labels[class_id]) if class_id < len(labels) else f"class {class_id}"


def _vector(answer: Outputs) -> list[str]:
    vector = answer["embedding"]
    return [f"{len(vector)} numbers: {', '.join(f'{each:.4f}' for each in vector[:MOST_ROWS])} …"]


def _depth(answer: Outputs) -> list[str]:
    depth = answer["depth"]
    return [f"{depth.shape[1]} x {depth.shape[0]} values from {depth.min():.4g} to {depth.max():.4g}"]


def _text(element: bytes | str) -> str:
    return element.decode() if isinstance(element, bytes) else element


_DESCRIPTIONS: Mapping[Task, Callable[[Outputs], list[str]]] = {
    Task.CLASSIFICATION: _classes,
    Task.MULTI_LABEL: _classes,
    Task.DETECTION: _detections,
    Task.POSE: _detections,
    Task.ORIENTED_BOXES: _detections,
    Task.INSTANCE_SEGMENTATION: _detections,
    Task.SEMANTIC_SEGMENTATION: _class_shares,
    Task.EMBEDDING: _vector,
    Task.DEPTH: _depth,
}
