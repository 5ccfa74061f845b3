"""A classifier in INT8, by ONNX Runtime's static quantisation.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018); ONNX Runtime's "Quantize ONNX Models".

Activations are UINT8 with a zero point, weights INT8, symmetric, one scale an output channel: what ONNX Runtime's
integer convolution on x86-64 takes. With symmetric INT8 activations, which TensorRT asks for, that convolution falls
back to a path slower than FP32. Without VNNI two products are added up in 16 bits and may saturate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from cronnx_server.build_models.byte_input import over_bytes
from cronnx_server.build_models.layer_inputs import moments
from cronnx_server.build_models.weight_rounding import with_rounded_weights

# Softmax, TopK and the labels stay as they are, and so do the logits: of quantised ones, many would be equal.
QUANTISED = ["Conv", "Clip", "Add", "GlobalAveragePool", "Flatten", "Gemm", "Transpose", "Reshape"]
FLOAT_OUTPUT = ["Gemm"]


def quantised(model: onnx.ModelProto, *, calibration: Iterable[npt.NDArray[np.uint8]]) -> onnx.ModelProto:
    """`model` in INT8, with the same inputs and outputs; the same arguments give the same bytes on one machine.

    Args:
        model: a classifier, as `classification.classifier` makes it.
        calibration: pictures by which the range of every activation is measured, and what every convolution sees:
            UINT8 [batch, height, width, 3].

    Raises:
        ValueError: there are no pictures.
    """
    prepared, pictures = over_bytes(model), list(calibration)
    # Else ONNX Runtime advises to fold what the build has folded already.
    onnx.helper.set_model_props(prepared, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = (Path(folder) / f"{datatype}.onnx" for datatype in ("fp32", "int8"))
        onnx.save(prepared, fp32)  # given the model itself, `quantize_static` takes its weights away
        quantize_static(
            str(fp32),
            str(int8),
            _Batches(prepared.graph.input[0].name, pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": FLOAT_OUTPUT},
        )
        nearest = onnx.load(int8)
    return with_rounded_weights(nearest, model=prepared, inputs=moments(prepared, pictures))


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime publishes no types
    def __init__(self, name: str, calibration: Iterable[npt.NDArray[np.uint8]]) -> None:
        self._inputs = ({name: pixels} for pixels in calibration)

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        return next(self._inputs, None)
