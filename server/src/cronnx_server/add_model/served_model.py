"""A user's model made into one graph from pixels to the answer of its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto

from cronnx_server.errors import ModelFileError
from cronnx_server.exports import readers
from cronnx_server.exports.defaults import PICODET
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.graph_facts import Graph, add_graph_facts
from cronnx_server.exports.measurement import fit, photographs, values
from cronnx_server.exports.source import Source
from cronnx_server.exports.specification import Inspection, inspect
from cronnx_server.graphs.distributions import decode_distributions
from cronnx_server.graphs.image_model import image_model
from cronnx_server.graphs.network import Network, prepare
from cronnx_server.graphs.structure import self_contained
from cronnx_server.graphs.suppression import PluginSuppression, cut_before_suppression, replace_plugin
from cronnx_server.model_spec import ModelSpec, Task


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A user's model, ready to be written as one graph.

    Attributes:
        source: What the exporter wrote.
        inspection: What it was found to be.
        spec: The specification.
        network: The network, made fit to serve.
    """

    source: Source
    inspection: Inspection
    spec: ModelSpec
    network: Network

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, and what cannot be had, one sentence each."""
        return (*self.network.notes, *([] if self.network.batchable else [self.network.reason]))

    def content(self, *, name: str, version: int) -> bytes:
        """The model file of the whole model.

        Raises:
            ModelFileError: The graph cannot be merged with normalisation and head.
        """
        try:
            model = image_model(
                self.network.model,
                self.spec,
                served_by=f"{name}/{version}@{self.source.sha256[:8]}",
                batchable=self.network.batchable,
            )
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ModelFileError(f"cannot put the answer's head behind {self.source.name}: {reason}") from error
        return model.SerializeToString()


def read_model(
    source: Source, facts: Facts, *, crop: float | None = None, inherit: Callable[[Facts], None] = lambda _: None
) -> ServedModel:
    """Find out what a model is, and make it fit to serve.

    Args:
        source: What the exporter wrote.
        facts: What the user states; what is found is added.
        crop: The fraction of the resized image that the network sees; None if the user does not say.
        inherit: Adds what an earlier version says, once the files have been read.

    Raises:
        ModelFileError: Something needed is not known, or the graph cannot be served.
    """
    model = self_contained(source.model)
    plugin = replace_plugin(model)
    if plugin:
        model = plugin.model
        _add_plugin_facts(plugin, facts)
    readers.read_all(source, facts)
    inherit(facts)
    model = _with_boxes(model, facts)
    if crop is not None:
        _add_crop(crop, model, facts)
    inspection = inspect(model, facts)
    spec, model = _before_suppression(model, inspection)
    network = prepare(
        model,
        image_input=spec.input.name,
        image_shape=_image_shape(spec),
        outputs=spec.outputs,
        fills=inspection.fills,
        samples=_samples(spec),
    )
    return ServedModel(source=source, inspection=inspection, spec=spec, network=network)


def _add_crop(crop: float, model: ModelProto, facts: Facts) -> None:
    """Turn a fraction into the size that images are resized to before the middle is cut out."""
    add_graph_facts(Graph(model), facts)
    height, width = facts.get("size", (None, None))
    if height is None or width is None:
        raise ModelFileError("expected the size of the network's images with --crop, got none; pass --size")
    facts.correct("resize_size", (int(height / crop), int(width / crop)), f"--crop {crop:g}")


def _samples(spec: ModelSpec) -> npt.NDArray[Any]:
    """The project's photographs as the network takes them."""
    return np.stack([values(fit(image, spec.recipe), spec.input) for image in photographs()])


def _image_shape(spec: ModelSpec) -> tuple[int | None, ...]:
    height, width = spec.recipe.height, spec.recipe.width
    return (3, height, width) if spec.input.layout == "NCHW" else (height, width, 3)


def _before_suppression(model: ModelProto, inspection: Inspection) -> tuple[ModelSpec, ModelProto]:
    """The network before a suppression that answers the exported batch only, and its specification."""
    spec = inspection.spec
    if not inspection.cut_suppression:
        return spec, model
    raw = cut_before_suppression(
        model, image_input=spec.input.name, image_shape=_image_shape(spec), classes=len(spec.labels)
    )
    if raw is None:
        return spec, model
    outputs, output_format = (raw.output, *spec.outputs[1:]), f"{raw.output_format}_nms"
    inspection.facts.correct("output_format", output_format, "graph: before its own suppression")
    return replace(spec, output_format=output_format, outputs=outputs), raw.model


def _with_boxes(model: ModelProto, facts: Facts) -> ModelProto:
    """The network with boxes and scores as outputs if it answers distributions; else the network as it is."""
    sizes = [tensor.shape[2:] for tensor in Graph(model).inputs if tensor.shape and len(tensor.shape) == 4]
    if len(sizes) != 1 or not all(isinstance(side, int) for side in sizes[0]):
        return model
    height, width = map(int, sizes[0])
    decoded = decode_distributions(model, height=height, width=width)
    if decoded is None:
        return model
    source = "graph: distributions of the sides of boxes"
    facts.add("task", Task.DETECTION.value, source)
    facts.add("activation", "none", source)
    facts.correct("output_format", "boxes_scores", source)
    facts.correct("outputs", (decoded.boxes, decoded.scores), source)
    for name, value in PICODET.items():
        facts.assume(name, value, "as PicoDet")
    return decoded.model


def _add_plugin_facts(plugin: PluginSuppression, facts: Facts) -> None:
    """State what TensorRT's node says about the tensors that it read."""
    source = "graph: TensorRT's suppression of boxes"
    if not plugin.corners:
        raise ModelFileError(
            "expected boxes x1 y1 x2 y2 before TensorRT's suppression, got centre and size; export the model without it"
        )
    stated = {
        "task": Task.DETECTION.value,
        "output_format": "boxes_scores_fraction" if plugin.normalised else "boxes_scores",
        "outputs": (plugin.boxes, plugin.scores),
        "activation": plugin.activation,
        "first_class": plugin.background_class + 1,
        "confidence": plugin.confidence,
        "iou": plugin.iou,
        "max_detections": plugin.max_detections,
    }
    for name, value in stated.items():
        facts.add(name, value, source)
