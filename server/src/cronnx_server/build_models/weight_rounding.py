"""Weights as integers by which a convolution's output, rather than each weight, is near to that in FP32.

The weights of kernels larger than 1x1 are rounded one after another; what each loses is made up for by those
still to be rounded, as far as their inputs go together. What any kernel loses in the mean is added to the bias.

Source: E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers"
(ICLR 2023), algorithm 1; M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction"
(ICCV 2019), section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from onnx import ModelProto

from cronnx_server.build_models.graph_edit import GraphEdit
from cronnx_server.build_models.layer_inputs import Moments
from cronnx_server.build_models.torch_weights import Array

LARGEST = 127  # symmetric: -128 is left out
DAMPING = 0.1  # of the mean variance: the pictures are few, so what goes together in them is not trusted in full


def with_rounded_weights(int8: ModelProto, *, model: ModelProto, inputs: Mapping[str, Moments]) -> ModelProto:
    """`int8` with the weights and biases of some convolutions rounded by their outputs.

    Args:
        int8: `model` quantised: each of these convolutions takes its weights, INT8 with a scale an output channel,
            and its bias, INT32, from `DequantizeLinear`.
        model: in FP32.
        inputs: what these convolutions see, by their names.
    """
    edit, source = GraphEdit.of(int8), GraphEdit.of(model)
    constants = {node.name: source.constants(node.input[1:]) for node in source.graph.node if node.name in inputs}
    dequantisers = {node.output[0]: node for node in edit.graph.node if node.op_type == "DequantizeLinear"}
    for layer in [node for node in edit.graph.node if node.name in inputs]:
        (weight, scale), (bias, bias_scale) = (dequantisers[name].input[:2] for name in layer.input[1:])
        scales, bias_scales = edit.constants([scale, bias_scale])
        integers, lost = rounded(constants[layer.name][0], scales, inputs[layer.name])
        edit.set_constant(weight, integers)
        edit.set_constant(bias, np.rint((constants[layer.name][1] + lost) / bias_scales).astype(np.int32))
    return edit.model


def rounded(weights: Array, scales: Array, inputs: Moments) -> tuple[Array, Array]:
    """A convolution's weights as integers, and what its output lacks by them in the mean.

    Args:
        weights: [outputs, ...]; the outputs of a group are neighbours.
        scales: what 1 stands for, [outputs].
        inputs: what the kernels see.

    Returns:
        INT8 of the weights' shape, and FP64 [outputs].
    """
    groups, depth = inputs.mean.shape
    kernels = weights.reshape(groups, -1, depth).astype(np.float64)
    by_group = scales.reshape(groups, -1).astype(np.float64)
    if math.prod(weights.shape[2:]) > 1:
        integers = _compensated(kernels, by_group, inputs.covariance)
    else:  # between channels alone, compensation gained nothing that showed, and took most of the time
        integers = _nearest(kernels, by_group)
    lost = (kernels - integers * by_group[..., None]) @ inputs.mean[..., None]
    return integers.reshape(weights.shape).astype(np.int8), lost.reshape(-1)


def _compensated(kernels: Array, scales: Array, covariance: Array) -> Array:
    """Kernels [groups, outputs, depth] and scales [groups, outputs] to integers, by inputs [groups, depth, depth]."""
    left, integers = kernels.copy(), np.empty_like(kernels)
    factor = np.linalg.cholesky(np.linalg.inv(_damped(covariance))).transpose(0, 2, 1)
    for index in range(kernels.shape[2]):
        weight = left[..., index]
        integers[..., index] = _nearest(weight[..., None], scales)[..., 0]
        error = (weight - integers[..., index] * scales) / factor[:, index, index, None]
        left[..., index:] -= error[..., None] * factor[:, None, index, index:]
    return integers


def _nearest(kernels: Array, scales: Array) -> Array:
    integers: Array = np.clip(np.rint(kernels / scales[..., None]), -LARGEST, LARGEST)
    return integers


def _damped(covariance: Array) -> Array:
    depth = covariance.shape[1]
    variance = np.trace(covariance, axis1=1, axis2=2) / depth
    # A channel that is dead in all pictures has no variance: there each weight is rounded by itself.
    damping = np.maximum(DAMPING * variance, np.finfo(np.float32).tiny)
    damped: Array = covariance + damping[:, None, None] * np.eye(depth)
    return damped
