"""Small graphs with an exporter's names, shapes and metadata, whose outputs are planted values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

IMAGE = (1, 3, 64, 64)
CELLS = 8 * 8 + 4 * 4 + 2 * 2
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}


def planted(
    outputs: Mapping[str, Any],
    *,
    image: Sequence[int | str] = IMAGE,
    image_name: str = "images",
    image_type: int = TensorProto.FLOAT,
    inputs: Mapping[str, tuple[int, Sequence[int]]] | None = None,
    last: str = "",
    before: Sequence[tuple[str, Any]] = (),
    metadata: Mapping[str, str] | None = None,
    varies: bool = True,
) -> ModelProto:
    """A graph that answers with `outputs`, to which the mean brightness adds a little.

    Args:
        outputs: The values of each output, float32 or integral.
        image: The shape of the image input.
        image_name: Its name.
        image_type: Its type.
        inputs: The type and shape of further inputs, by name.
        last: The operator behind the values, such as Softmax.
        before: Operators with a constant at the beginning, in order.
        metadata: The metadata.
        varies: Whether the first column of float values follows the photograph.
    """
    nodes: list[NodeProto] = []
    constants = []
    value = image_name
    if image_type != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [value], ["cast"], to=TensorProto.FLOAT))
        value = "cast"
    for number, (operator, constant) in enumerate(before):
        constants.append(numpy_helper.from_array(np.asarray(constant, np.float32), f"before_{number}"))
        nodes.append(helper.make_node(operator, [value, f"before_{number}"], [f"step_{number}"]))
        value = f"step_{number}"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("ReduceMean", ["pooled"], ["mean"], keepdims=0))
    constants.append(numpy_helper.from_array(np.float32(1e-4 if varies else 0), "small"))
    nodes.append(helper.make_node("Mul", ["mean", "small"], ["shift_raw"]))
    nodes.append(helper.make_node("Sin", ["shift_raw"], ["shift"]))
    declared = []
    for name, content in outputs.items():
        array = np.asarray(content)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        constants.append(numpy_helper.from_array(array, f"{name}/values"))
        target = name if not last else f"{name}/raw"
        if array.dtype.kind == "f":
            mask = np.zeros_like(array)
            mask.reshape(-1)[:1] = 1
            constants.append(numpy_helper.from_array(mask, f"{name}/mask"))
            nodes.append(helper.make_node("Mul", ["shift", f"{name}/mask"], [f"{name}/shift"]))
            nodes.append(helper.make_node("Add", [f"{name}/values", f"{name}/shift"], [target]))
        else:
            nodes.append(helper.make_node("Identity", [f"{name}/values"], [name]))
        if last and array.dtype.kind == "f":
            nodes.append(helper.make_node(last, [target], [name]))
        declared.append(helper.make_tensor_value_info(name, TYPES[array.dtype.name], array.shape))
    graph = helper.make_graph(
        nodes,
        "planted",
        [
            helper.make_tensor_value_info(image_name, image_type, image),
            *(helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in (inputs or {}).items()),
        ],
        declared,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    return model


def raw_yolo(*classes: float, extra: Sequence[float] = (), cells: int = CELLS) -> Any:
    """Ultralytics' raw output [1, 4 + classes + extra, cells] with one box of 20x10 pixels."""
    output = np.zeros((1, 4 + len(classes) + len(extra), cells), np.float32)
    output[0, :, 7] = [32.0, 32.0, 20.0, 10.0, *classes, *extra]
    return output


def yolo_rows(*row: float, count: int) -> Any:
    """Rows [1, count, columns], of which one is given."""
    output = np.zeros((1, count, len(row)), np.float32)
    output[0, 0] = row
    return output
