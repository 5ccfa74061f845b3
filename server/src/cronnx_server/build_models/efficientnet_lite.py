"""EfficientNet-Lite as an ONNX graph, from the weights of its TensorFlow release in PyTorch's format.

Sources: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019),
and the EfficientNet-Lite variants in TensorFlow's TPU repository: ReLU6 everywhere, no squeeze and excitation, a stem
and a head of fixed width, and the padding of TensorFlow's SAME.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS

BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
NO_ATTRIBUTES: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Stage:
    """A sequence of inverted-residual blocks; only the first has the stage's stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Block:
    """An inverted-residual block with scaled widths."""

    kernel: int
    stride: int
    expand: int
    in_channels: int
    out_channels: int


def blocks(*, width: float, depth: float) -> Iterator[Block]:
    """The blocks of the variant with these width and depth coefficients."""
    in_channels = STEM_CHANNELS
    for stage in STAGES:
        ends = stage in (STAGES[0], STAGES[-1])
        repeats = stage.repeats if ends else math.ceil(stage.repeats * depth)
        out_channels = round_channels(stage.channels * width)
        for index in range(repeats):
            stride = stage.stride if index == 0 else 1
            yield Block(stage.kernel, stride, stage.expand, in_channels, out_channels)
            in_channels = out_channels


def round_channels(channels: float) -> int:
    """Round to the nearest multiple of 8, or to the next one if that is more than a tenth below `channels`."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def build(weights: Mapping[str, npt.NDArray[Any]], *, size: int, width: float, depth: float) -> ModelProto:
    """Build the network from `input` FP32 [batch, 3, size, size] to `logits` FP32 [batch, 1000].

    Batch normalisation is folded into the convolutions.

    Args:
        weights: The parameters by name.
        size: Height and width of an image, in pixels.
        width: The variant's width coefficient.
        depth: The variant's depth coefficient.

    Raises:
        ValueError: `weights` lacks a parameter of this variant, has one of another shape, or has others.
    """
    graph = _Graph(dict(weights), size)
    features = graph.convolution("input", "_conv_stem", "_bn0", channels=(3, STEM_CHANNELS), kernel=3, stride=2)
    variant = list(blocks(width=width, depth=depth))
    for index, block in enumerate(variant):
        features = graph.inverted_residual(features, f"_blocks.{index}", block)
    features = graph.convolution(features, "_conv_head", "_bn1", channels=(variant[-1].out_channels, HEAD_CHANNELS))
    graph.classifier(features)
    return graph.model()


@dataclass
class _Graph:
    """An ONNX graph under construction. It uses each weight once, so that an unused one shows."""

    weights: dict[str, npt.NDArray[Any]]
    size: int
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.input_size = self.size
        self.constant("relu6.min", np.float32(0))
        self.constant("relu6.max", np.float32(6))

    def inverted_residual(self, features: str, name: str, block: Block) -> str:
        hidden, wide = features, block.in_channels * block.expand
        if block.expand != 1:
            channels = (block.in_channels, wide)
            hidden = self.convolution(hidden, f"{name}._expand_conv", f"{name}._bn0", channels=channels)
        hidden = self.convolution(
            hidden,
            f"{name}._depthwise_conv",
            f"{name}._bn1",
            channels=(wide, wide),
            kernel=block.kernel,
            stride=block.stride,
            groups=wide,
        )
        channels = (wide, block.out_channels)
        hidden = self.convolution(hidden, f"{name}._project_conv", f"{name}._bn2", channels=channels, activation=False)
        if block.stride == 1 and block.in_channels == block.out_channels:
            hidden = self.node("Add", [hidden, features], f"{name}.residual")
        return hidden

    def convolution(
        self,
        features: str,
        name: str,
        batch_norm: str,
        *,
        channels: tuple[int, int],
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: bool = True,
    ) -> str:
        in_channels, out_channels = channels
        weight, bias = self.folded(name, batch_norm, (out_channels, in_channels // groups, kernel, kernel))
        inputs = [features, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        attributes = {
            "kernel_shape": [kernel, kernel],
            "strides": [stride, stride],
            "pads": self.same_padding(kernel, stride),
            "group": groups,
        }
        convolved = self.node("Conv", inputs, name, attributes)
        if not activation:
            return convolved
        return self.node("Clip", [convolved, "relu6.min", "relu6.max"], f"{name}.relu6")

    def folded(self, name: str, batch_norm: str, shape: tuple[int, ...]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        self.weights.pop(f"{batch_norm}.num_batches_tracked", None)
        mean, variance, scale, shift = (
            self.take(f"{batch_norm}.{part}", shape[:1]).astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        scale /= np.sqrt(variance + BATCH_NORM_EPSILON)
        return self.take(f"{name}.weight", shape) * scale[:, None, None, None], shift - mean * scale

    def take(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        weight = self.weights.pop(name, None)
        if weight is None or weight.shape != shape:
            got = "no such parameter" if weight is None else f"shape {weight.shape}"
            raise ValueError(f"weights of another variant: expected {name} of shape {shape}, got {got}")
        return weight

    def same_padding(self, kernel: int, stride: int) -> list[int]:
        output_size = math.ceil(self.size / stride)
        total = max((output_size - 1) * stride + kernel - self.size, 0)
        self.size = output_size
        before, after = total // 2, total - total // 2
        return [before, before, after, after]

    def classifier(self, features: str) -> None:
        pooled = self.node("GlobalAveragePool", [features], "_avg_pooling")
        flat = self.node("Flatten", [pooled], "_flatten")
        weight = self.constant("_fc.weight", self.take("_fc.weight", (CLASSES, HEAD_CHANNELS)))
        bias = self.constant("_fc.bias", self.take("_fc.bias", (CLASSES,)))
        self.nodes.append(helper.make_node("Gemm", [flat, weight, bias], ["logits"], name="_fc", transB=1))

    def node(self, operator: str, inputs: list[str], name: str, attributes: Mapping[str, Any] = NO_ATTRIBUTES) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: npt.NDArray[Any] | np.float32) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, np.float32, order="C"), name))
        return name

    def model(self) -> ModelProto:
        if self.weights:
            raise ValueError(f"weights of another variant: expected no {', '.join(sorted(self.weights)[:3])}")
        image = helper.make_tensor_value_info(
            "input", TensorProto.FLOAT, ["batch", 3, self.input_size, self.input_size]
        )
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
        graph = helper.make_graph(self.nodes, "efficientnet_lite", [image], [logits], self.initializers)
        return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="cronnx")
