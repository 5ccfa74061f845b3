"""EfficientNet-Lite written plainly: separate batch normalisation, and padding by ONNX's SAME_UPPER."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from cronnx_server.build_models.efficientnet_lite import Block

STEM, HEAD, CLASSES = 32, 1280, 1000


@dataclass(frozen=True)
class Convolution:
    """A convolution, its batch normalisation, and whether ReLU6 follows."""

    name: str
    batch_norm: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    groups: int = 1
    relu6: bool = True


def random_weights(blocks: Sequence[Block]) -> dict[str, npt.NDArray[Any]]:
    """A state dictionary with activations that neither vanish nor saturate."""
    rng = np.random.default_rng(seed=11)
    found: dict[str, npt.NDArray[Any]] = {
        "_fc.weight": rng.normal(0, HEAD**-0.5, (CLASSES, HEAD)).astype(np.float32),
        "_fc.bias": rng.normal(0, 1, CLASSES).astype(np.float32),
    }
    for convolution in _all(blocks):
        channels, *fan_in = convolution.shape
        found[f"{convolution.name}.weight"] = rng.normal(0, np.prod(fan_in) ** -0.5, convolution.shape)
        found[f"{convolution.batch_norm}.weight"] = rng.uniform(0.5, 2, channels)
        found[f"{convolution.batch_norm}.bias"] = rng.normal(1, 1, channels)
        found[f"{convolution.batch_norm}.running_mean"] = rng.normal(0, 0.5, channels)
        found[f"{convolution.batch_norm}.running_var"] = rng.uniform(1e-3, 1, channels)
    found = {name: array.astype(np.float32) for name, array in found.items()}
    return {**found, **{f"{name}.num_batches_tracked": np.array(9) for name in _batch_norms(blocks)}}


def plain_network(weights: dict[str, npt.NDArray[Any]], blocks: Sequence[Block], *, size: int) -> ModelProto:
    """The network that `efficientnet_lite.build` has to equal."""
    graph = _Graph(weights)
    features = graph.convolution("input", _stem())
    for index, block in enumerate(blocks):
        inputs = features
        for convolution in _block(index, block):
            features = graph.convolution(features, convolution)
        if block.stride == 1 and block.in_channels == block.out_channels:
            features = graph.node("Add", [features, inputs])
    features = graph.convolution(features, _head(blocks))
    flat = graph.node("Flatten", [graph.node("GlobalAveragePool", [features])])
    graph.node("Gemm", [flat, *graph.constants("_fc.weight", "_fc.bias")], transB=1, output="logits")
    return graph.model(size)


def _all(blocks: Sequence[Block]) -> Iterator[Convolution]:
    yield _stem()
    for index, block in enumerate(blocks):
        yield from _block(index, block)
    yield _head(blocks)


def _batch_norms(blocks: Sequence[Block]) -> list[str]:
    return [convolution.batch_norm for convolution in _all(blocks)]


def _stem() -> Convolution:
    return Convolution("_conv_stem", "_bn0", (STEM, 3, 3, 3), stride=2)


def _head(blocks: Sequence[Block]) -> Convolution:
    return Convolution("_conv_head", "_bn1", (HEAD, blocks[-1].out_channels, 1, 1))


def _block(index: int, block: Block) -> Iterator[Convolution]:
    name, wide = f"_blocks.{index}", block.in_channels * block.expand
    if block.expand > 1:
        yield Convolution(f"{name}._expand_conv", f"{name}._bn0", (wide, block.in_channels, 1, 1))
    depthwise = (wide, 1, block.kernel, block.kernel)
    yield Convolution(f"{name}._depthwise_conv", f"{name}._bn1", depthwise, stride=block.stride, groups=wide)
    yield Convolution(f"{name}._project_conv", f"{name}._bn2", (block.out_channels, wide, 1, 1), relu6=False)


@dataclass
class _Graph:
    weights: dict[str, npt.NDArray[Any]]
    nodes: list[NodeProto] = field(default_factory=list)

    def convolution(self, features: str, convolution: Convolution) -> str:
        attributes = {"auto_pad": "SAME_UPPER", "strides": [convolution.stride] * 2, "group": convolution.groups}
        features = self.node("Conv", [features, *self.constants(f"{convolution.name}.weight")], **attributes)
        parts = ("weight", "bias", "running_mean", "running_var")
        moments = self.constants(*(f"{convolution.batch_norm}.{part}" for part in parts))
        features = self.node("BatchNormalization", [features, *moments], epsilon=1e-3)
        return self.node("Min", [self.node("Relu", [features]), "six"]) if convolution.relu6 else features

    def constants(self, *names: str) -> tuple[str, ...]:
        assert set(names) <= self.weights.keys()
        return names

    def node(self, operator: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def model(self, size: int) -> ModelProto:
        image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, size, size])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
        used = {name for node in self.nodes for name in node.input}
        constants = {**self.weights, "six": np.array(6, np.float32)}
        initializers = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
        graph = helper.make_graph(self.nodes, "plain", [image], [logits], initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
