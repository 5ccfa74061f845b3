"""A whole classifier with random weights, small enough to be quantised in a test."""

from __future__ import annotations

import onnxruntime
from onnx import ModelProto

from model_builds import classification, efficientnet_lite
from model_builds.efficientnet_lite import CLASSES, blocks
from model_builds.torch_weights import Array
from tests.unit.model_builds.plain_network import random_weights

NARROW = {"width": 0.25, "depth": 0.25}
WHOLE_MEAN = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}


def small_classifier(*, size: int = 32, **normalisation: tuple[float, ...]) -> ModelProto:
    """EfficientNet-Lite, narrow and shallow, with normalisation and classification head."""
    network = efficientnet_lite.build(random_weights(list(blocks(**NARROW))), size=size, **NARROW)
    return classification.classifier(
        network,
        size=size,
        labels=[f"class {class_id}" for class_id in range(CLASSES)],
        served_by="small/2@0123abcd",
        **(normalisation or WHOLE_MEAN),
    )


def session(model: ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString())


def logits(model: ModelProto, pixels: Array) -> Array:
    (found,) = session(model).run(["logits"], {"pixels": pixels})
    return found
