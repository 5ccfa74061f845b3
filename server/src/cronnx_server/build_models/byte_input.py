"""A classifier's first layers in the form in which integer arithmetic takes pixels as they are: bytes, RGB.

Two things keep pixels from ONNX Runtime's fast integer convolution. One is normalisation in FP32; where it subtracts
a whole number it is a `DequantizeLinear`, which the convolution absorbs. The other is that the kernels take channels
in fours (`MlasConvSymPackWSize` in ONNX Runtime's MLAS), and RGB has three. A quad of four pixels in a row has twelve,
and in NHWC these are neighbours in memory: a reshape without a copy. A convolution of stride 2 makes a pair of pixels
of each quad, and another reshape sets the pairs in a row again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, helper

from cronnx_server.build_models.graph_edit import GraphEdit
from cronnx_server.build_models.torch_weights import Array

NORMALISATION = ("Transpose", "Cast", "Sub", "Mul")
STEM = ("Conv", "Clip")
QUAD, PAIR = 4, 2  # the pixels of each, in and out: the stride is 2


def over_bytes(model: ModelProto) -> ModelProto:
    """`model`, computing the same, normalised by `DequantizeLinear` and with a stem over quads of pixels.

    Args:
        model: its first input is UINT8 [batch, height, width, 3], as `classification.classifier` makes it.

    Returns:
        A copy. What does not fit is left as it is: a normalisation that is not the same for all channels or whose
        mean is no whole number, and a stem that is not a 3x3 convolution of stride 2, padded as TensorFlow's SAME
        pads an even size, and its activation.
    """
    edit = GraphEdit.of(model)
    pixels = edit.graph.input[0].name
    _normalise_by_dequantising(edit, edit.path(pixels, NORMALISATION))
    found = edit.path(pixels, ("Transpose", "DequantizeLinear", *STEM))
    if found and _takes_quads(edit, found[2]):
        transpose, _, convolution, activation = found
        _quads_in(edit, transpose)
        _widen(edit, convolution)
        _pairs_out(edit, activation)
    return edit.model


def _normalise_by_dequantising(edit: GraphEdit, nodes: Sequence[NodeProto]) -> None:
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


def _takes_quads(edit: GraphEdit, convolution: NodeProto) -> bool:
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in convolution.attribute}
    constants = edit.constants(convolution.input[1:])
    height, width = _size(edit)
    return (
        height % 2 == width % QUAD == 0
        and [constant.shape[1:] for constant in constants] == [(3, 3, 3), ()]
        and attributes.get("strides") == [2, 2]
        and attributes.get("pads") == [0, 0, 1, 1]
        and set(attributes.get("dilations", [1])) == {1}
    )


def _quads_in(edit: GraphEdit, transpose: NodeProto) -> None:
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


def _over_quads(weight: Array) -> Array:
    """Weights [out, 3, height, 3] over pixels as [2 * out, 12, height, 2] over quads: which pixel is which channel."""
    outputs, inputs, height, width = weight.shape
    over_quads = np.zeros((PAIR, outputs, 2, QUAD, inputs, height), weight.dtype)
    for of_pair in range(PAIR):
        for column in range(width):
            quad, pixel = divmod(2 * of_pair + column, QUAD)
            over_quads[of_pair, :, quad, pixel] = weight[..., column]
    return over_quads.transpose(0, 1, 3, 4, 5, 2).reshape(PAIR * outputs, QUAD * inputs, height, 2)


def _pairs_out(edit: GraphEdit, activation: NodeProto) -> None:
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
    # 0 is the batch as it is.
    inputs = [tensor, edit.set_constant(f"{reshaped}.shape", np.array([0, *shape], np.int64))]
    return helper.make_node("Reshape", inputs, [reshaped], name=reshaped)


def _size(edit: GraphEdit) -> tuple[int, int]:
    _, height, width, _ = (dim.dim_value for dim in edit.graph.input[0].type.tensor_type.shape.dim)
    return height, width
