"""The inputs that perf_analyzer sends: each picture in the form that a model takes.

Source: `docs/input_data.md` of github.com/triton-inference-server/perf_analyzer.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from cronnx import ModelInfo, TensorInfo
from cronnx_lab.errors import MeasurementError

IMAGE = TensorInfo("image", "BYTES", (1,))


def input_data(images: Sequence[bytes], inputs: Sequence[TensorInfo] = (IMAGE,)) -> str:
    """The content of an `--input-data` file: one entry for each picture.

    Args:
        images: The picture files.
        inputs: The inputs of the model, without the batch in their shapes.

    Raises:
        MeasurementError: An input cannot be made from a picture, or a file is no picture.
    """
    entries = [
        {each.name: _tensor(each, inputs, image, number) for each in inputs} for number, image in enumerate(images)
    ]
    return json.dumps({"data": entries})


def inputs_of(model: ModelInfo) -> list[TensorInfo]:
    """The inputs of a model, without the batch in their shapes."""
    batched = bool(model.max_batch_size)
    return [TensorInfo(each.name, each.datatype, each.shape[batched:]) for each in model.inputs]


def _tensor(wanted: TensorInfo, inputs: Sequence[TensorInfo], image: bytes, number: int) -> dict[str, Any]:
    match wanted:
        case TensorInfo("image", "BYTES", (1,)):
            return _content(_element(image), (1,))
        case TensorInfo("user_id", "BYTES", (1,)):
            return _content(_element(f"user-{number}".encode()), (1,))
        case TensorInfo("pixels", "UINT8", (height, width, 3)):
            pixels = np.asarray(_resized(image, width, height))
            return _content(pixels.tobytes(), pixels.shape)
        case TensorInfo("geometry", "FP32", (6,)):
            geometry = np.array(_geometry(image, inputs), np.float32)
            return _content(geometry.tobytes(), geometry.shape)
    raise MeasurementError(
        f"expected inputs that a picture gives (image, user_id, pixels, geometry), got '{wanted.name}' "
        f"{wanted.datatype} {list(wanted.shape)}; ask the ensemble instead"
    )


def _content(content: bytes, shape: Sequence[int]) -> dict[str, Any]:
    return {"content": {"b64": base64.b64encode(content).decode()}, "shape": list(shape)}


def _element(content: bytes) -> bytes:
    """An element of a BYTES tensor: its length in four bytes, little endian, and its content."""
    return struct.pack("<I", len(content)) + content


def _geometry(image: bytes, inputs: Sequence[TensorInfo]) -> tuple[float, ...]:
    """The photo's width and height, and how it is scaled and padded: stretched, without padding."""
    height, width = next((each.shape[:2] for each in inputs if each.name == "pixels"), (-1, -1))
    photo, resized = _opened(image), _resized(image, width, height)
    return (*photo.size, resized.width / photo.width, resized.height / photo.height, 0, 0)


def _resized(image: bytes, width: int, height: int) -> Image.Image:
    """Stretch a photo to a network's size, where it has one."""
    photo = _opened(image)
    return photo.resize((width if width > 0 else photo.width, height if height > 0 else photo.height))


def _opened(image: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(image)).convert("RGB")
    except OSError as error:
        raise MeasurementError(f"expected pictures, got a file that is none: {error}") from error
