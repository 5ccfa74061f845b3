"""A classifier with random weights that is small enough to be quantised in a test."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnxruntime
from onnx import ModelProto

from cronnx_server.build_models import efficientnet_lite
from cronnx_server.build_models.efficientnet_lite import CLASSES, blocks
from cronnx_server.graphs.image_model import image_model
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task
from tests.unit.cronnx_server.build_models.plain_network import random_weights

NARROW = {"width": 0.25, "depth": 0.25}
WHOLE_MEAN = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}


def small_classifier(*, size: int = 32, **normalisation: tuple[float, ...]) -> ModelProto:
    """EfficientNet-Lite, narrow and shallow, with normalisation and classification head."""
    network = efficientnet_lite.build(random_weights(list(blocks(**NARROW))), size=size, **NARROW)
    spec = ModelSpec(
        task=Task.CLASSIFICATION,
        output_format="scores",
        outputs=(network.graph.output[0].name,),
        labels=tuple(f"class {class_id}" for class_id in range(CLASSES)),
        recipe=Recipe(height=size, width=size),
        input=NetworkInput(name=network.graph.input[0].name, **(normalisation or WHOLE_MEAN)),
        activation="softmax",
    )
    return image_model(network, spec, served_by="small/2@0123abcd")


def session(model: ModelProto, options: onnxruntime.SessionOptions | None = None) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def logits(model: ModelProto, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    options = onnxruntime.SessionOptions()
    # Without optimisation the graph runs in FP32: the integer kernels of a CPU without VNNI saturate.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    (found,) = session(model, options).run(["logits"], {"pixels": pixels})
    return found
