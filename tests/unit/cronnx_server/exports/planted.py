"""Exports with a planted answer: graphs with the names, shapes and metadata that exporters write.

The outputs of each network are constants that say, in the exporter's own format, what lies on a photograph of
600 x 400 pixels. So the right answer is known without the exporter's library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

WIDTH, HEIGHT = 600, 400
"""The photograph: scripts/pictures/coffee.jpg."""
NAMES = ("cup", "spoon", "table")


@dataclass(frozen=True)
class Planted:
    """One object on the photograph.

    Attributes:
        box: x1 y1 x2 y2 in the photograph's pixels.
        class_id: The index of its label.
        score: Its score.
    """

    box: tuple[float, float, float, float]
    class_id: int
    score: float


CUP = Planted((100, 50, 300, 200), 0, 0.9)
TABLE = Planted((350, 120, 560, 380), 2, 0.6)
SHADOW = Planted((104, 52, 303, 204), 0, 0.7)
"""Overlaps the cup: suppression drops it."""
DUST = Planted((10, 10, 40, 40), 1, 0.04)
"""Below every threshold."""
OBJECTS = (CUP, TABLE)


@dataclass(frozen=True)
class Export:
    """What an exporter wrote, and the right answer.

    Attributes:
        name: The name of the test.
        model: The graph.
        side_files: The files beside it, by name.
        options: Options of `scripts/add_model` for what the files do not say.
        task: The task.
        objects: What is on the photograph, best first.
        outputs: Further outputs that are known, by name, without the batch.
    """

    name: str
    model: onnx.ModelProto
    side_files: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    task: str = "detection"
    objects: Sequence[Planted] = OBJECTS
    outputs: Mapping[str, Array] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the files; the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(self.model, folder / "model.onnx")
        for name, text in self.side_files.items():
            (folder / name).write_text(text)
        return folder


def network(
    outputs: Mapping[str, Array],
    *,
    image: str = "images",
    shape: Sequence[int | str] = ("batch", 3, 640, 640),
    image_type: int = TensorProto.FLOAT,
    extra_inputs: Mapping[str, tuple[int, Sequence[int | str]]] | None = None,
    metadata: Mapping[str, str] | None = None,
    producer: str = "pytorch",
    opset: int = 17,
    dims: Mapping[str, Sequence[int | str]] | None = None,
) -> onnx.ModelProto:
    """A graph whose outputs are these constants, [1, …], for every image of a batch.

    Every output depends on the image, as a network's do, by adding nothing times its mean.

    Args:
        outputs: The constants by name, in the order of the outputs.
        image: The name of the image input.
        shape: Its shape; a name stands for a variable dimension.
        image_type: Its element type.
        extra_inputs: Further inputs: element type and shape by name.
        metadata: The file's metadata.
        producer: The file's producer.
        opset: The opset.
        dims: Declared shapes of outputs; by default the constant's with the batch of the image.
    """
    nodes = [
        helper.make_node("Cast", [image], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing_4d"]),
        helper.make_node("Reshape", ["nothing_4d", "flat"], ["nothing"]),
    ]
    constants = [
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        numpy_helper.from_array(np.array([-1], np.int64), "flat"),
    ]
    declared = []
    for index, (name, value) in enumerate(outputs.items()):
        kept = value.dtype
        constants.append(numpy_helper.from_array(value.astype(np.float32), f"planted_{index}"))
        if value.shape[:1] == (1,) and not (dims and name in dims):
            ones = [-1, *([1] * (value.ndim - 1))]
            constants.append(numpy_helper.from_array(np.array(ones, np.int64), f"ones_{index}"))
            nodes.append(helper.make_node("Reshape", ["nothing", f"ones_{index}"], [f"nothing_{index}"]))
            added = f"nothing_{index}"
        else:  # an output without a batch
            nodes.append(helper.make_node("ReduceSum", ["nothing"], [f"nothing_{index}"], keepdims=0))
            added = f"nothing_{index}"
        float_name = name if kept == np.float32 else f"{name}/float"
        nodes.append(helper.make_node("Add", [f"planted_{index}", added], [float_name]))
        onnx_type = helper.np_dtype_to_tensor_dtype(kept)
        if kept != np.float32:
            nodes.append(helper.make_node("Cast", [float_name], [name], to=onnx_type))
        shown = (dims or {}).get(name, [shape[0], *value.shape[1:]])
        declared.append(helper.make_tensor_value_info(name, onnx_type, shown))
    inputs = [helper.make_tensor_value_info(image, image_type, shape)]
    for name, (onnx_type, extra_shape) in (extra_inputs or {}).items():
        inputs.append(helper.make_tensor_value_info(name, onnx_type, extra_shape))
    graph = helper.make_graph(nodes, "exported", inputs, declared, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model.producer_name = producer
    helper.set_model_props(model, dict(metadata or {}))
    return model


def cxcywh(boxes: Array) -> Array:
    """Turn corners into centre and size."""
    return np.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], axis=-1)


def letterboxed(objects: Sequence[Planted], size: int = 640) -> Array:
    """The boxes on a square canvas that the photograph lies in the middle of, in its pixels."""
    gain = min(size / WIDTH, size / HEIGHT)
    left, top = (size - round(WIDTH * gain)) // 2, (size - round(HEIGHT * gain)) // 2
    return np.array([each.box for each in objects]) * gain + np.array([left, top, left, top])


def stretched(objects: Sequence[Planted], width: float = 1, height: float = 1) -> Array:
    """The boxes on a canvas that the photograph is stretched to; by default in fractions of it."""
    return np.array([each.box for each in objects]) * np.array([width / WIDTH, height / HEIGHT] * 2)


def class_scores(objects: Sequence[Planted], classes: int = len(NAMES), *, rest: float = 0.01) -> Array:
    """[n, classes]: each object's score in its class's column, and little in the others."""
    scores = np.full((len(objects), classes), rest)
    for row, each in zip(scores, objects, strict=True):
        row[each.class_id] = each.score
    return scores


def logit(probability: Array) -> Array:
    """The inverse of the sigmoid."""
    probability = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(probability / (1 - probability))


def anchors(rows: Array, count: int, *, fill: float = 0) -> Array:
    """Put rows among `count` anchors, not at the start: FP32 [1, count, columns]."""
    everything = np.full((count, rows.shape[1]), fill, np.float32)
    everything[np.arange(len(rows)) * 7 + 100] = rows
    return everything[None]


def padded(rows: Array, count: int, *, fill: float = 0) -> Array:
    """Rows, then padding: FP32 [1, count, columns]."""
    everything = np.full((count, rows.shape[1]), fill, np.float32)
    everything[: len(rows)] = rows
    return everything[None]


def ultralytics_metadata(
    task: str, *, size: int = 640, nms: bool = False, end2end: bool = False, **more: str
) -> dict[str, str]:
    """The metadata that Ultralytics 8.4 writes."""
    return {
        "author": "Ultralytics",
        "task": task,
        "stride": "32",
        "batch": "1",
        "imgsz": str([size, size]),
        "names": str(dict(enumerate(NAMES))),
        "args": str({"batch": 1, "nms": nms or None, "dynamic": False, "simplify": True}),
        "end2end": str(end2end),
        "channels": "3",
        **more,
    }


def hugging_face(architecture: str, model_type: str, processor: Mapping[str, Any], **config: Any) -> dict[str, str]:
    """config.json and preprocessor_config.json."""
    labels = {"id2label": {str(index): name for index, name in enumerate(NAMES)}}
    return {
        "config.json": json.dumps({"architectures": [architecture], "model_type": model_type, **labels, **config}),
        "preprocessor_config.json": json.dumps(processor),
    }
