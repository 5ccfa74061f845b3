"""The normalisation before a network: bytes become the values that the network was trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.geometry import PIXELS
from cronnx_server.model_spec import NetworkInput

PLANES, PLANES_FP32, PIXELS_FP32 = "planes", "planes_fp32", "pixels_fp32"
BLUE_GREEN_RED = (2, 1, 0)
NCHW = (0, 3, 1, 2)


def add_normalisation(graph: GraphBuilder, network_input: NetworkInput, *, to: str) -> None:
    """Add the nodes from `pixels` UINT8 [batch, height, width, 3] to a network's input.

    In NCHW, the first tensors are `planes` and `planes_fp32`: the TensorRT profiles name them.

    Args:
        graph: The graph.
        network_input: The network's input.
        to: The name of the input's tensor.

    Raises:
        ValueError: The input takes bytes, and the specification scales them.
    """
    mean, factor = shift_and_factor(network_input)
    is_scaled = bool(mean.any() or (factor != 1).any())
    if network_input.datatype == "UINT8" and is_scaled:
        raise ValueError(
            f"expected a scale of 1, a mean of 0 and a std of 1 for the UINT8 input {network_input.name}, got "
            f"{network_input.scale}, {network_input.mean} and {network_input.std}"
        )
    planar = network_input.layout == "NCHW"
    value = graph.op("Transpose", PIXELS, perm=NCHW, to=PLANES) if planar else PIXELS
    if network_input.channel_order == "BGR":
        value = graph.op("Gather", value, graph.ints(*BLUE_GREEN_RED), axis=1 if planar else 3)
    if network_input.datatype != "UINT8":
        value = graph.cast(value, TensorProto.FLOAT, PLANES_FP32 if planar else PIXELS_FP32)
    per_channel = (-1, 1, 1) if planar else (-1,)
    if mean.any():
        value = graph.op("Sub", value, graph.constant(mean.reshape(per_channel)))
    if (factor != 1).any():
        value = graph.op("Mul", value, graph.constant(factor.reshape(per_channel)))
    if network_input.datatype == "FP16":
        value = graph.cast(value, TensorProto.FLOAT16)
    if value in (PIXELS, PLANES, PLANES_FP32, PIXELS_FP32):
        graph.op("Identity", value, to=to)
    else:
        graph.nodes[-1].output[0] = to


def shift_and_factor(network_input: NetworkInput) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What is subtracted from the bytes of each channel, and what the difference is multiplied by."""
    mean, std = (np.asarray(values, np.float64) for values in (network_input.mean, network_input.std))
    return (mean / network_input.scale).astype(np.float32), (network_input.scale / std).astype(np.float32)
