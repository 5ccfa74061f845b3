"""Small ONNX files like those of users."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def tensor(name: str, shape: Shape, onnx_type: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx_type, shape)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    *,
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> ModelProto:
    initializers = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def saved(found: ModelProto, folder: Path, name: str = "mine.onnx") -> Path:
    onnx.save(found, folder / name)
    return folder / name


def classifier(
    *,
    classes: int = 7,
    size: int | str = 32,
    width: int | None = None,
    channels: int = 3,
    batch: int | str = "N",
    layout: str = "NCHW",
    flat: Sequence[int] | None = None,
    last: str | None = None,
    scale: float = 1.0,
    opset: int = 17,
    ir_version: int = 8,
    outlier: bool = False,
) -> ModelProto:
    """A convolution, an average and a matrix product, with random weights.

    A Reshape to `flat` flattens the average, like PyTorch's exporter writes `view`; `last` is one more operator. A
    channel of outliers, which no score depends on, leaves no steps of INT8 to the other channels.
    """
    rng = np.random.default_rng(seed=3)
    constants = {
        "filters": rng.normal(size=(8, channels, 3, 3)).astype(np.float32),
        "matrix": (scale * rng.normal(size=(8, classes))).astype(np.float32),
    }
    if outlier:
        constants["filters"][0] *= 10_000
        constants["matrix"][0] = 0
    image = "image" if layout == "NCHW" else "planes"
    nodes = [] if layout == "NCHW" else [helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2])]
    nodes += [
        helper.make_node("Conv", [image, "filters"], ["edges"]),
        helper.make_node("GlobalAveragePool", ["edges"], ["means"]),
    ]
    if flat is None:
        nodes.append(helper.make_node("Flatten", ["means"], ["flat"]))
    else:
        constants["flat_shape"] = np.array(flat, np.int64)
        nodes.append(helper.make_node("Reshape", ["means", "flat_shape"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "matrix"], ["scores" if last else "answer"]))
    if last:
        nodes.append(helper.make_node(last, ["scores"], ["answer"]))
    sides = [size, width or size]
    shape = [batch, channels, *sides] if layout == "NCHW" else [batch, *sides, channels]
    inputs = [tensor("image", shape)]
    if ir_version < 4:  # up to IR version 3, constants are inputs too
        inputs += [tensor(name, array.shape) for name, array in constants.items()]
    outputs = [tensor("answer", [batch, classes])]
    return model(nodes, inputs, outputs, constants=constants, opset=opset, ir_version=ir_version)


def identity(
    shape: Shape, onnx_type: int = TensorProto.FLOAT, *, outputs: int = 1, operator: str = "Identity"
) -> ModelProto:
    """Copies `x` to `y0`, `y1` and so on."""
    names = [f"y{number}" for number in range(outputs)]
    nodes = [helper.make_node(operator, ["x"], [name]) for name in names]
    return model(nodes, [tensor("x", shape, onnx_type)], [tensor(name, shape, onnx_type) for name in names])


def sum_of_two(shape: Shape = ("N", 3, 32, 32)) -> ModelProto:
    node = helper.make_node("Add", ["left", "right"], ["sum"])
    return model([node], [tensor("left", shape), tensor("right", shape)], [tensor("sum", shape)])


def batch_mean(size: int = 32) -> ModelProto:
    """Takes any batch, but the scores of each image depend on the others."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["image", "mean"], ["centred"]),
        helper.make_node("GlobalAveragePool", ["centred"], ["means"]),
        helper.make_node("Flatten", ["means"], ["answer"]),
    ]
    return model(nodes, [tensor("image", ["N", 3, size, size])], [tensor("answer", ["N", 3])])


def wrong_reshape() -> ModelProto:
    """Loads, and fails for every input."""
    node = helper.make_node("Reshape", ["x", "five"], ["y"])
    return model([node], [tensor("x", ["N", 3])], [tensor("y", ["M"])], constants={"five": np.array([5])})


def one_image(size: int = 32) -> ModelProto:
    """Takes one image at a time, and no change of its reshapes makes it take more."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["means"]),
        helper.make_node("Reshape", ["means", "three"], ["flat"]),
        helper.make_node("Reshape", ["flat", "row"], ["answer"]),
    ]
    constants = {"three": np.array([3]), "row": np.array([1, 3])}
    return model(nodes, [tensor("image", [1, 3, size, size])], [tensor("answer", [1, 3])], constants=constants)
