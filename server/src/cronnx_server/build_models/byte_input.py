"""Rewrite a classifier's first layers so that integer convolution takes the pixels as bytes.

Two things keep RGB bytes from ONNX Runtime's fast integer convolution. The first is normalisation in FP32: if it
subtracts a whole number, it equals a `DequantizeLinear`, which the convolution absorbs. The second is that the kernels
take channels in groups of four (`MlasConvSymPackWSize` in ONNX Runtime's MLAS), and RGB has three. A quad of four
neighbouring pixels has twelve; in NHWC they are adjacent in memory, so a reshape makes quads without a copy. A
convolution of stride 2 turns each quad into a pair of pixels, and a second reshape makes a row of the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper

from cronnx_server.graphs.onnx_graph import GraphEdit

NORMALISATION = ("Transpose", "Cast", "Sub", "Mul")
STEM = ("Conv", "Clip")
QUAD, PAIR = 4, 2
"""The pixels in a quad and in the pair that a convolution of stride 2 makes of it."""


def with_byte_input(model: ModelProto) -> ModelProto:
    """Normalise by `DequantizeLinear` and convolve quads of pixels; the model computes the same.

    Args:
        model: A classifier of `classifier_graph`: its first input is UINT8 [batch, height, width, 3].

    Returns:
        A copy. It keeps a normalisation that differs between channels or has a fractional mean. It keeps a stem other
        than a 3x3 convolution of stride 2, padded like TensorFlow's SAME for an even size, and its activation.
    """
    edit = GraphEdit.of(model)
    pixels = edit.graph.input[0].name
    _replace_normalisation(edit, edit.path(pixels, NORMALISATION))
    found = edit.path(pixels, ("Transpose", "DequantizeLinear", *STEM))
    if found and _fits_quads(edit, found[2]):
        transpose, _, convolution, activation = found
        _insert_quads(edit, transpose)
        _widen(edit, convolution)
        _insert_pairs(edit, activation)
    return edit.model


def _replace_normalisation(edit: GraphEdit, nodes: Sequence[NodeProto]) -> None:
    constants = edit.constants(node.input[1] for node in nodes[2:])
    if not constants or any((values != values.flat[0]).any() for values in constants):
        return
    mean, scale = (values.flat[0] for values in constants)
    if mean not in range(256):
        return
    _, cast, _, scaling = nodes
    name = scaling.output[0]
    inputs = [
        cast.input[0],
        edit.set_constant(f"{name}.scale", np.asarray(scale, np.float32)),
        edit.set_constant(f"{name}.zero_point", np.asarray(mean, np.uint8)),
    ]
    edit.insert_before(cast, helper.make_node("DequantizeLinear", inputs, [name], name=name))
    edit.remove(nodes[1:])


def _fits_quads(edit: GraphEdit, convolution: NodeProto) -> bool:
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in convolution.attribute}
    constants = edit.constants(convolution.input[1:])
    height, width = _size(edit)
    return (
        min(height, width) > 0
        and height % 2 == width % QUAD == 0
        and [constant.shape[1:] for constant in constants] == [(3, 3, 3), ()]
        and attributes.get("strides") == [2, 2]
        and attributes.get("pads") == [0, 0, 1, 1]
        and set(attributes.get("dilations", [1])) == {1}
    )


def _insert_quads(edit: GraphEdit, transpose: NodeProto) -> None:
    height, width = _size(edit)
    pixels, quads = transpose.input[0], f"{transpose.input[0]}.quads"
    transpose.input[0] = quads
    edit.insert_before(transpose, _reshape(edit, pixels, quads, [height, width // QUAD, 3 * QUAD]))


def _widen(edit: GraphEdit, convolution: NodeProto) -> None:
    weight, bias = edit.constants(convolution.input[1:])
    edit.set_constant(convolution.input[1], _over_quads(weight))
    edit.set_constant(convolution.input[2], np.tile(bias, PAIR))
    geometry = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [0, 0, 1, 1]}
    del convolution.attribute[:]
    convolution.attribute.extend(helper.make_attribute(*pair) for pair in geometry.items())


def _over_quads(weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rearrange weights [out, 3, height, 3] over pixels to weights [2 * out, 12, height, 2] over quads."""
    outputs, inputs, height, width = weight.shape
    over_quads = np.zeros((PAIR, outputs, 2, QUAD, inputs, height), weight.dtype)
    for output_pixel in range(PAIR):
        for column in range(width):
            quad, pixel = divmod(2 * output_pixel + column, QUAD)
            over_quads[output_pixel, :, quad, pixel] = weight[..., column]
    return over_quads.transpose(0, 1, 3, 4, 5, 2).reshape(PAIR * outputs, QUAD * inputs, height, 2)


def _insert_pairs(edit: GraphEdit, activation: NodeProto) -> None:
    height, width = _size(edit)
    name = activation.output[0]
    pairs, pairs_nhwc, nhwc = (f"{name}.{part}" for part in ("pairs", "pairs_nhwc", "nhwc"))
    activation.output[0] = pairs
    edit.insert_after(
        activation,
        [
            helper.make_node("Transpose", [pairs], [pairs_nhwc], name=pairs_nhwc, perm=[0, 2, 3, 1]),
            _reshape(edit, pairs_nhwc, nhwc, [height // 2, width // 2, -1]),
            helper.make_node("Transpose", [nhwc], [name], name=f"{name}.nchw", perm=[0, 3, 1, 2]),
        ],
    )


def _reshape(edit: GraphEdit, tensor: str, reshaped: str, shape: Sequence[int]) -> NodeProto:
    # In a shape, 0 keeps the dimension of the input: the batch.
    inputs = [tensor, edit.set_constant(f"{reshaped}.shape", np.array([0, *shape], np.int64))]
    return helper.make_node("Reshape", inputs, [reshaped], name=reshaped)


def _size(edit: GraphEdit) -> tuple[int, int]:
    _, height, width, _ = (dim.dim_value for dim in edit.graph.input[0].type.tensor_type.shape.dim)
    return height, width
