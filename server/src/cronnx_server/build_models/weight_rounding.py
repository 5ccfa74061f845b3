"""Round the weights of convolutions so that their outputs, rather than each weight, stay close to FP32.

Kernels larger than 1x1 are rounded one weight after another: the weights that are not rounded yet compensate for each
error as far as their inputs correlate. The mean error of every kernel is added to its bias.

Sources: E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers"
(ICLR 2023), algorithm 1; M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction"
(ICCV 2019), section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper

from cronnx_server.graphs.onnx_graph import GraphEdit

LARGEST = 127
"""The largest magnitude of a weight: symmetric INT8 leaves -128 out."""
DAMPING = 0.1
"""In mean variances. The pictures are few, so the correlations in them are not trusted fully."""
DEEPEST = 2048
"""The deepest kernel that is rounded by its inputs: the time grows with the third power, the memory with the square."""
GRID = 8
"""The most positions in height and in width that are sampled: neighbouring ones are much alike."""


@dataclass(frozen=True)
class Moments:
    """The mean and covariance of a convolution's inputs, for each of its groups.

    The depth of a kernel is its input channels x height x width.

    Attributes:
        mean: FP64 [groups, depth].
        covariance: FP64 [groups, depth, depth].
    """

    mean: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]


def with_rounded_weights(int8: ModelProto, *, model: ModelProto, inputs: Mapping[str, Moments]) -> ModelProto:
    """Replace the rounded weights and the biases of some convolutions; a copy.

    Args:
        int8: The quantised model. Each of these convolutions takes its weights, INT8 with one scale for each output
            channel, from `DequantizeLinear`; so it does its bias, INT32, unless that is in FP32.
        model: The model in FP32.
        inputs: The moments of the inputs of these convolutions, by the names of their nodes.
    """
    edit, source = GraphEdit.of(int8), GraphEdit.of(model)
    constants = {node.name: source.constants(node.input[1:]) for node in source.graph.node if node.name in inputs}
    dequantisers = {node.output[0]: node for node in edit.graph.node if node.op_type == "DequantizeLinear"}
    for layer in [node for node in edit.graph.node if _is_quantised(node, dequantisers, inputs)]:
        weight, scale = dequantisers[layer.input[1]].input[:2]
        (scales,) = edit.constants([scale])
        integers, mean_error = rounded(constants[layer.name][0], scales, inputs[layer.name])
        edit.set_constant(weight, integers)
        _set_bias(edit, layer.input[2], dequantisers, constants[layer.name][1] + mean_error)
    return edit.model


def _set_bias(edit: GraphEdit, name: str, dequantisers: Mapping[str, NodeProto], bias: npt.NDArray[np.float64]) -> None:
    if name not in dequantisers:
        edit.set_constant(name, bias.astype(np.float32))
        return
    integers, scale = dequantisers[name].input[:2]
    (scales,) = edit.constants([scale])
    edit.set_constant(integers, np.rint(bias / scales).astype(np.int32))


def rounded(
    weights: npt.NDArray[Any], scales: npt.NDArray[Any], inputs: Moments
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Round the weights of a convolution.

    Args:
        weights: The weights [outputs, ...]; the outputs of a group are neighbours.
        scales: The step of an integer for each output, [outputs].
        inputs: The moments of the convolution's inputs.

    Returns:
        The integers, INT8 of the weights' shape, and what each output loses in the mean, FP64 [outputs].
    """
    groups, depth = inputs.mean.shape
    kernels = weights.reshape(groups, -1, depth).astype(np.float64)
    by_group = scales.reshape(groups, -1).astype(np.float64)
    if math.prod(weights.shape[2:]) > 1:
        integers = _compensated(kernels, by_group, inputs.covariance)
    else:  # between channels alone, compensation gains nothing measurable and takes most of the time
        integers = _nearest(kernels, by_group)
    mean_error = (kernels - integers * by_group[..., None]) @ inputs.mean[..., None]
    return integers.reshape(weights.shape).astype(np.int8), mean_error.reshape(-1)


def _compensated(
    kernels: npt.NDArray[np.float64], scales: npt.NDArray[np.float64], covariance: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Round kernels [groups, outputs, depth] of scales [groups, outputs] by the inputs' [groups, depth, depth]."""
    remaining, integers = kernels.copy(), np.empty_like(kernels)
    factor = np.linalg.cholesky(np.linalg.inv(_damped(covariance))).transpose(0, 2, 1)
    for index in range(kernels.shape[2]):
        weight = remaining[..., index]
        integers[..., index] = _nearest(weight[..., None], scales)[..., 0]
        error = (weight - integers[..., index] * scales) / factor[:, index, index, None]
        remaining[..., index:] -= error[..., None] * factor[:, None, index, index:]
    return integers


def _nearest(kernels: npt.NDArray[np.float64], scales: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    integers: npt.NDArray[np.float64] = np.clip(np.rint(kernels / scales[..., None]), -LARGEST, LARGEST)
    return integers


def _damped(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    depth = covariance.shape[1]
    variance = np.trace(covariance, axis1=1, axis2=2) / depth
    # An input that is constant in all pictures has no variance: each of its weights is rounded to the nearest integer.
    damping = np.maximum(DAMPING * variance, np.finfo(np.float32).tiny)
    damped: npt.NDArray[np.float64] = covariance + damping[:, None, None] * np.eye(depth)
    return damped


def input_moments(model: ModelProto, batches: Iterable[Mapping[str, npt.NDArray[Any]]]) -> dict[str, Moments]:
    """Measure the inputs of every convolution that has constant weights, a constant bias and no dilation.

    Args:
        model: The model in FP32.
        batches: Inputs of the model.

    Returns:
        The moments by the names of the convolutions' nodes.
    """
    edit = GraphEdit.of(model)
    kernels = {node.name: edit.constants(node.input[1:]) for node in edit.graph.node if _is_plain(node)}
    layers = [node for node in edit.graph.node if _fits(kernels.get(node.name, []))]
    if not layers:
        return {}
    totals: dict[str, npt.NDArray[np.float64]] = {}
    for features in _features(edit, sorted({layer.input[0] for layer in layers}), batches):
        for layer in layers:
            found = patches(features[layer.input[0]], layer, kernels[layer.name][0].shape[2:])
            totals[layer.name] = totals.get(layer.name, 0) + _second_moments(found)
    return {name: _moments(total) for name, total in totals.items()}


def patches(features: npt.NDArray[Any], convolution: NodeProto, kernel: Sequence[int]) -> npt.NDArray[np.float64]:
    """Cut out what a convolution's kernel covers, at a grid of its positions.

    Args:
        features: The convolution's input [batch, channels, height, width].
        convolution: The node, without dilation.
        kernel: The kernel's height and width.

    Returns:
        FP64 [groups, batch * positions, depth].
    """
    attributes = _attributes(convolution)
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    if top or left or bottom or right:  # padding by nothing would copy
        features = np.pad(features, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(features, (1, 1, *kernel))[:, :, :, :, 0, 0]
    down, across = attributes.get("strides", [1, 1])
    sampled = windows[:, :, _grid(windows.shape[2], stride=down), _grid(windows.shape[3], stride=across)]
    groups = attributes.get("group", 1)
    depth = sampled.shape[1] // groups * kernel[0] * kernel[1]
    by_group = np.stack(np.split(sampled, groups, axis=1)).transpose(0, 1, 3, 4, 2, 5, 6)
    found: npt.NDArray[np.float64] = by_group.reshape(groups, -1, depth).astype(np.float64)
    return found


def _features(
    edit: GraphEdit, names: Sequence[str], batches: Iterable[Mapping[str, npt.NDArray[Any]]]
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Run the model on each batch; the values of these tensors."""
    del edit.graph.output[:]
    edit.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(edit.model.SerializeToString())
    for inputs in batches:
        yield dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _grid(positions: int, *, stride: int) -> slice:
    step = -(-positions // (stride * GRID))
    return slice(step // 2 * stride, None, step * stride)


def _fits(kernel: Sequence[npt.NDArray[Any]]) -> bool:
    return len(kernel) == 2 and math.prod(kernel[0].shape[1:]) <= DEEPEST


def _is_quantised(node: NodeProto, dequantisers: Mapping[str, NodeProto], inputs: Mapping[str, Moments]) -> bool:
    return node.name in inputs and node.input[1] in dequantisers


def _is_plain(node: NodeProto) -> bool:
    attributes = _attributes(node)
    return (
        node.op_type == "Conv"
        and set(attributes.get("dilations", [1])) == {1}
        and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _second_moments(found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum of the outer products of patches with a 1 appended: its last row holds their sum and their number."""
    with_one = np.pad(found, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    total: npt.NDArray[np.float64] = with_one.transpose(0, 2, 1) @ with_one
    return total


def _moments(total: npt.NDArray[np.float64]) -> Moments:
    mean_square = total / total[:, -1:, -1:]
    mean = mean_square[:, -1, :-1]
    return Moments(mean, mean_square[:, :-1, :-1] - mean[:, :, None] * mean[:, None, :])
