"""What the classes of a classifier are called."""

from __future__ import annotations

import json
from pathlib import Path

from cronnx_server.build_models.labels import LABELS
from cronnx_server.errors import SetupError


def labels(source: str | None, *, classes: int) -> list[str]:
    """One label a class, in the order of the network's output.

    Args:
        source: a text file with one a line, a JSON file with a list, the word `imagenet`, or None for `class 17`.
        classes: how many the network has.

    Raises:
        SetupError: they cannot be read, or are not as many.
    """
    if source is None:
        return [f"class {class_id}" for class_id in range(classes)]
    found = LABELS[source]() if source in LABELS else _read(Path(source))
    if len(found) != classes:
        raise SetupError(f"{source} has {len(found)} labels, the network has {classes} classes: give one a class")
    return found


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SetupError(f"{path} is not the text expected: {error}") from error
    if not isinstance(found, list):
        raise SetupError(f"{path} holds a JSON {type(found).__name__}, expected a list of labels")
    for number, label in enumerate(found, start=1):
        if not isinstance(label, str) or not label.strip():
            raise SetupError(f"{path}: label {number} is {label!r}, expected text")
    return [label.strip() for label in found]
