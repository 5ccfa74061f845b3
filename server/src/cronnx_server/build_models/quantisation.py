"""A model in INT8, by ONNX Runtime's static quantisation of its network.

Sources: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018); ONNX Runtime's "Quantize ONNX Models".

Weights are INT8, symmetric, with one scale for each output channel. Activations are UINT8 with a zero point for a CPU:
ONNX Runtime's integer convolution on x86-64 uses a path slower than FP32 for symmetric INT8. On a CPU without VNNI it
adds two products in 16 bits, which may saturate. TensorRT takes symmetric INT8 alone, and biases in floating point
("Working with Quantized Types" in NVIDIA's documentation of TensorRT).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from PIL import Image

from cronnx_server.build_models.byte_input import with_byte_input
from cronnx_server.build_models.weight_rounding import input_moments, with_rounded_weights
from cronnx_server.graphs.image_model import is_of_network, name_nodes

Inputs = Mapping[str, npt.NDArray[Any]]
"""The inputs of a model by name, [batch, ...]."""

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""The operators that have weights."""
QUANTISED = ["Conv", "Clip", "Add", "GlobalAveragePool", "Flatten", "Gemm", "Transpose", "Reshape"]
WITH_MATMUL = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
"""The same for transformers: their sums have outliers that a step of INT8 cannot hold."""
FLOAT_OUTPUT = ["Gemm"]
"""The operators with an output in FP32. In INT8, many logits would be equal."""
CROP_SCALES = (1.0, 0.6)
"""The sides of the calibration crops, in shorter sides of their picture."""


def quantise(model: ModelProto, *, calibration: Iterable[Inputs], symmetric: bool = False) -> ModelProto:
    """Quantise the network of a model; inputs, outputs and head stay. On one machine, equal arguments give equal bytes.

    Args:
        model: A model of `image_model` in FP32.
        calibration: Batches of inputs. They determine the range of every activation and the rounding of the weights.
        symmetric: Whether activations are INT8 without a zero point, for TensorRT; otherwise for a CPU.

    Raises:
        ValueError: There is no calibration image, or the network is not in FP32.
    """
    _check_fp32(model)
    prepared, batches = _copy(model) if symmetric else with_byte_input(model), list(calibration)
    name_nodes(prepared.graph)
    # Without this, ONNX Runtime advises to fold operators that are folded already.
    prepared.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = (Path(folder) / f"{datatype}.onnx" for datatype in ("fp32", "int8"))
        onnx.save(prepared, fp32)  # `quantize_static` removes the weights of a model that is passed as an object
        quantize_static(
            str(fp32),
            str(int8),
            _CalibrationBatches(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*LAYERS] if symmetric else _operators(prepared.graph),
            nodes_to_exclude=_in_fp32(prepared.graph),
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                # TensorRT fuses the quantisation of its inputs into a layer, with the activation that comes before.
                "OpTypesToExcludeOutputQuantization": [*LAYERS] if symmetric else FLOAT_OUTPUT,
                "MatMulConstBOnly": True,
                "ActivationSymmetric": symmetric,
                "QuantizeBias": not symmetric,
            },
        )
        nearest = onnx.load(int8)
    return with_rounded_weights(nearest, model=prepared, inputs=input_moments(prepared, batches))


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def is_quantised(model: ModelProto) -> bool:
    """Whether a model has operators of INT8."""
    return any(node.op_type in ("QuantizeLinear", "QLinearConv", "ConvInteger") for node in model.graph.node)


def _check_fp32(model: ModelProto) -> None:
    half = any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer)
    if half or is_quantised(model):
        raise ValueError(f"expected a network in FP32, got one in {'FP16' if half else 'INT8'}; export it in FP32")


def _operators(graph: GraphProto) -> list[str]:
    return WITH_MATMUL if any(node.op_type == "MatMul" and is_of_network(node) for node in graph.node) else QUANTISED


def _in_fp32(graph: GraphProto) -> list[str]:
    """The head, and the last layers of the network: their outputs mix positions with scores, or decide the answer."""
    behind = {name for node in graph.node if is_of_network(node) for name in node.output}
    feeds_layer: set[str] = set()
    last: list[str] = []
    for node in reversed(graph.node):
        feeds = bool(feeds_layer & set(node.output))
        is_layer = is_of_network(node) and node.op_type in LAYERS
        if is_layer and not feeds and node.op_type not in FLOAT_OUTPUT:
            last.append(node.name)
        if feeds or is_layer:
            feeds_layer.update(node.input)
    head: list[str] = []
    for node in graph.node:
        if not is_of_network(node) and behind & set(node.input):
            head.append(node.name)
            behind.update(node.output)
    return [*head, *last]


def calibration_batches(pictures: Iterable[Path], *, size: int) -> Iterator[dict[str, npt.NDArray[np.uint8]]]:
    """Crop large and small squares from the corners of each picture, plain and mirrored.

    Args:
        pictures: Image files.
        size: Height and width of a square, in pixels.

    Yields:
        The squares of one picture: `pixels` UINT8 [batch, size, size, 3], RGB.
    """
    for path in pictures:
        with Image.open(path) as image:
            squares = np.stack([np.asarray(square) for square in _squares(image.convert("RGB"), size)])
        yield {"pixels": np.concatenate([squares, squares[:, :, ::-1]])}


def _squares(image: Image.Image, size: int) -> Iterator[Image.Image]:
    for scale in CROP_SCALES:
        side = int(scale * min(image.size))
        for left in sorted({0, image.width - side}):
            for top in sorted({0, image.height - side}):
                box = (left, top, left + side, top + side)
                yield image.crop(box).resize((size, size), Image.Resampling.BICUBIC)


class _CalibrationBatches(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime publishes no types
    def __init__(self, batches: Iterable[Inputs]) -> None:
        self._inputs = (dict(inputs) for inputs in batches)

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        return next(self._inputs, None)
