"""A classifier in INT8, by ONNX Runtime's static quantisation.

Sources: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018); ONNX Runtime's "Quantize ONNX Models".

Activations are UINT8 with a zero point; weights are INT8, symmetric, with one scale for each output channel. ONNX
Runtime's integer convolution on x86-64 needs this: with symmetric INT8 activations, which TensorRT needs, it uses a
path slower than FP32. On a CPU without VNNI it adds two products in 16 bits, which may saturate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from PIL import Image

from cronnx_server.build_models.byte_input import with_byte_input
from cronnx_server.build_models.weight_rounding import input_moments, with_rounded_weights

# Softmax, TopK and labels stay in FP32. So do the logits: in INT8, many of them would be equal.
QUANTISED = ["Conv", "Clip", "Add", "GlobalAveragePool", "Flatten", "Gemm", "Transpose", "Reshape"]
FLOAT_OUTPUT = ["Gemm"]
CROP_SCALES = (1.0, 0.6)
"""The sides of the calibration crops, in shorter sides of their picture."""


def quantise(model: onnx.ModelProto, *, calibration: Iterable[npt.NDArray[np.uint8]]) -> onnx.ModelProto:
    """Quantise a classifier; its inputs and outputs stay. On one machine, equal arguments give equal bytes.

    Args:
        model: A classifier of `classifier_graph`.
        calibration: Batches of images UINT8 [batch, height, width, 3]. They determine the range of every activation
            and the rounding of the weights.

    Raises:
        ValueError: There is no calibration image.
    """
    prepared, batches = with_byte_input(model), list(calibration)
    # Without this, ONNX Runtime advises to fold operators that are folded already.
    onnx.helper.set_model_props(prepared, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = (Path(folder) / f"{datatype}.onnx" for datatype in ("fp32", "int8"))
        onnx.save(prepared, fp32)  # `quantize_static` removes the weights of a model that is passed as an object
        quantize_static(
            str(fp32),
            str(int8),
            _CalibrationBatches(prepared.graph.input[0].name, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": FLOAT_OUTPUT},
        )
        nearest = onnx.load(int8)
    return with_rounded_weights(nearest, model=prepared, inputs=input_moments(prepared, batches))


def calibration_batches(pictures: Iterable[Path], *, size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Crop large and small squares from the corners of each picture, plain and mirrored.

    Args:
        pictures: Image files.
        size: Height and width of a square, in pixels.

    Yields:
        The squares of one picture: UINT8 [batch, size, size, 3], RGB.
    """
    for path in pictures:
        with Image.open(path) as image:
            squares = np.stack([np.asarray(square) for square in _squares(image.convert("RGB"), size)])
        yield np.concatenate([squares, squares[:, :, ::-1]])


def _squares(image: Image.Image, size: int) -> Iterator[Image.Image]:
    for scale in CROP_SCALES:
        side = int(scale * min(image.size))
        for left in sorted({0, image.width - side}):
            for top in sorted({0, image.height - side}):
                box = (left, top, left + side, top + side)
                yield image.crop(box).resize((size, size), Image.Resampling.BICUBIC)


class _CalibrationBatches(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime publishes no types
    def __init__(self, input_name: str, batches: Iterable[npt.NDArray[np.uint8]]) -> None:
        self._inputs = ({input_name: pixels} for pixels in batches)

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        return next(self._inputs, None)
