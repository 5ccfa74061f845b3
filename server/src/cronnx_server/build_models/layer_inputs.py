"""What the kernels of a network's convolutions see while it looks at pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper

from cronnx_server.build_models.graph_edit import GraphEdit
from cronnx_server.build_models.torch_weights import Array

GRID = 8  # positions in height and width: what is seen at neighbouring ones is much the same


@dataclass(frozen=True)
class Moments:
    """The mean and covariance of what is under a convolution's kernels, for each of its groups.

    Attributes:
        mean: [groups, depth]; a kernel's depth is its input channels x height x width.
        covariance: [groups, depth, depth].
    """

    mean: Array
    covariance: Array


def moments(model: ModelProto, pictures: Iterable[Array]) -> dict[str, Moments]:
    """The moments of the input of each convolution of constant weights and bias, without dilation, by its name.

    Args:
        model: it computes in FP32.
        pictures: inputs of the model.
    """
    edit = GraphEdit.of(model)
    kernels = {node.name: edit.constants(node.input[1:]) for node in edit.graph.node if _is_plain(node)}
    layers = [node for node in edit.graph.node if len(kernels.get(node.name, [])) == 2]
    if not layers:
        return {}
    totals: dict[str, Array] = {}
    for features in _features(edit, sorted({layer.input[0] for layer in layers}), pictures):
        for layer in layers:
            seen = patches(features[layer.input[0]], layer, kernels[layer.name][0].shape[2:])
            totals[layer.name] = totals.get(layer.name, 0) + _second_moments(seen)
    return {name: _moments(total) for name, total in totals.items()}


def patches(features: Array, convolution: NodeProto, kernel: Sequence[int]) -> Array:
    """What is under a convolution's kernel, at a grid of its positions.

    Args:
        features: its input [batch, channels, height, width].
        convolution: without dilation.
        kernel: height and width.

    Returns:
        FP64 [groups, batch * positions, depth].
    """
    attributes = _attributes(convolution)
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    padded = np.pad(features, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (1, 1, *kernel))[:, :, :, :, 0, 0]
    down, across = attributes.get("strides", [1, 1])
    seen = windows[:, :, _grid(windows.shape[2], stride=down), _grid(windows.shape[3], stride=across)]
    groups = attributes.get("group", 1)
    depth = seen.shape[1] // groups * kernel[0] * kernel[1]
    by_group = np.stack(np.split(seen, groups, axis=1)).transpose(0, 1, 3, 4, 2, 5, 6)
    patched: Array = by_group.reshape(groups, -1, depth).astype(np.float64)
    return patched


def _features(edit: GraphEdit, names: Sequence[str], pictures: Iterable[Array]) -> Iterator[dict[str, Array]]:
    del edit.graph.output[:]
    edit.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(edit.model.SerializeToString())
    for pixels in pictures:
        yield dict(zip(names, session.run(names, {edit.graph.input[0].name: pixels}), strict=True))


def _grid(windows: int, *, stride: int) -> slice:
    step = -(-windows // (stride * GRID))
    return slice(step // 2 * stride, None, step * stride)


def _is_plain(node: NodeProto) -> bool:
    attributes = _attributes(node)
    return (
        node.op_type == "Conv"
        and set(attributes.get("dilations", [1])) == {1}
        and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _second_moments(seen: Array) -> Array:
    """Of patches with a 1 appended: its row and column hold their sum, and their number."""
    with_one = np.pad(seen, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    total: Array = with_one.transpose(0, 2, 1) @ with_one
    return total


def _moments(total: Array) -> Moments:
    mean_square = total / total[:, -1:, -1:]
    mean = mean_square[:, -1, :-1]
    return Moments(mean, mean_square[:, :-1, :-1] - mean[:, :, None] * mean[:, None, :])
