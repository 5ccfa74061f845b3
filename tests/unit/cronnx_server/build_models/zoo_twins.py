"""Twins of the zoo's networks: the same inputs, outputs, operators, opset and IR version, but random weights.

They replace the published files, which need the web: a test changes a twin as a build changes the file. A twin
recognises nothing. The interfaces are those of the published files: mobilenetv2-7 and resnet50-v1-12 from MXNet
(IR version 3, which lists initializers among the inputs), mobilenetv2-12 from PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

CHANNELS = 16
CLASSES = 1000


def mobilenetv2_7() -> ModelProto:
    """From `data` [1, 3, 224, 224] to `mobilenetv20_output_flatten0_reshape0` [1, 1000]."""
    graph = _Graph(seed=7)
    features = graph.convolution("data", (CHANNELS, 3, 3, 3), strides=[2, 2], pads=[1] * 4)
    features = graph.node("Relu", graph.batch_norm(features, spatial=1))
    pooled = graph.node("GlobalAveragePool", features)
    scores = graph.convolution(pooled, (CLASSES, CHANNELS, 1, 1))
    shape = graph.constant(np.array([0, -1]))
    output = graph.node("Reshape", scores, shape, output="mobilenetv20_output_flatten0_reshape0")
    return graph.model("data", output, batch=1, opset=7, ir_version=3)


def mobilenetv2_12() -> ModelProto:
    """From `input` [batch_size, 3, 224, 224] to `output` [batch_size, 1000]."""
    graph = _Graph(seed=12)
    features = graph.convolution("input", (CHANNELS, 3, 3, 3), strides=[2, 2], pads=[1] * 4)
    low, high = (graph.node("Constant", value=numpy_helper.from_array(np.float32(bound))) for bound in (0, 6))
    features = graph.node("Clip", features, low, high)
    features = graph.node("Add", features, graph.convolution(features, (CHANNELS, CHANNELS, 1, 1)))
    pooled = graph.node("GlobalAveragePool", features)
    first = graph.node("Constant", value=numpy_helper.from_array(np.array(0)))
    batch = graph.node("Unsqueeze", graph.node("Gather", graph.node("Shape", pooled), first, axis=0), axes=[0])
    rest = graph.node("Constant", value=numpy_helper.from_array(np.array([-1])))
    flat = graph.node("Reshape", pooled, graph.node("Concat", batch, rest, axis=0))
    output = graph.dense(flat, output="output")
    return graph.model("input", output, batch="batch_size", opset=12, ir_version=6)


def resnet50_v1_12() -> ModelProto:
    """From `data` [N, 3, 224, 224] to `resnetv17_dense0_fwd` [N, 1000]."""
    graph = _Graph(seed=50)
    features = graph.convolution("data", (CHANNELS, 3, 7, 7), strides=[2, 2], pads=[3] * 4)
    features = graph.node("Relu", graph.batch_norm(features))
    features = graph.node("MaxPool", features, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    features = graph.node("Add", features, graph.batch_norm(graph.convolution(features, (CHANNELS, CHANNELS, 1, 1))))
    pooled = graph.node("GlobalAveragePool", graph.node("Relu", features))
    output = graph.dense(graph.node("Flatten", pooled), output="resnetv17_dense0_fwd")
    return graph.model("data", output, batch="N", opset=12, ir_version=3)


TWINS: Mapping[str, Callable[[], ModelProto]] = {
    "mobilenetv2-7.onnx": mobilenetv2_7,
    "mobilenetv2-12.onnx": mobilenetv2_12,
    "resnet50-v1-12.onnx": resnet50_v1_12,
}


@dataclass
class _Graph:
    seed: int
    nodes: list[Any] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def convolution(self, features: str, shape: tuple[int, ...], **attributes: Any) -> str:
        weight = self.random(shape, scale=float(np.prod(shape[1:])) ** -0.5)
        return self.node("Conv", features, weight, self.random(shape[:1]), kernel_shape=shape[2:], **attributes)

    def batch_norm(self, features: str, **attributes: Any) -> str:
        variance = self.constant(self.rng.uniform(0.5, 1, CHANNELS).astype(np.float32))
        moments = [*(self.random((CHANNELS,)) for _ in range(3)), variance]
        return self.node("BatchNormalization", features, *moments, epsilon=1e-5, momentum=0.9, **attributes)

    def dense(self, features: str, *, output: str) -> str:
        weight, bias = self.random((CLASSES, CHANNELS)), self.random((CLASSES,))
        return self.node("Gemm", features, weight, bias, output=output, transB=1)

    def random(self, shape: Sequence[int], *, scale: float = 1.0) -> str:
        return self.constant(self.rng.normal(0, scale, shape).astype(np.float32))

    def constant(self, value: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(value, f"constant_{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def model(self, image: str, output: str, *, batch: int | str, opset: int, ir_version: int) -> ModelProto:
        inputs = [helper.make_tensor_value_info(image, TensorProto.FLOAT, [batch, 3, 224, 224])]
        if ir_version == 3:
            inputs += [helper.make_tensor_value_info(each.name, each.data_type, each.dims) for each in self.constants]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, CLASSES])]
        graph = helper.make_graph(self.nodes, "twin", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="twin")
