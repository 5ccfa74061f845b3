from __future__ import annotations

import base64
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cronnx import ModelInfo, TensorInfo
from cronnx_lab.errors import MeasurementError
from cronnx_lab.perf_analyzer.inputs import input_data, inputs_of


def photo(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (255, 0, 0)).save(file, "PNG")
    return file.getvalue()


def entries(*arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(input_data(*arguments))["data"]
    return found


def content(tensor: dict[str, Any]) -> bytes:
    return base64.b64decode(tensor["content"]["b64"])


def test_an_image_follows_its_length() -> None:
    (entry,) = entries([b"image"])
    assert content(entry["image"]) == b"\x05\x00\x00\x00image"
    assert entry["image"]["shape"] == [1]


def test_each_picture_is_of_another_user() -> None:
    found = entries([b"a", b"b"], [TensorInfo("user_id", "BYTES", (1,))])
    assert [content(each["user_id"])[4:] for each in found] == [b"user-0", b"user-1"]


def test_a_network_gets_the_pixels_and_how_the_photo_was_stretched() -> None:
    inputs = [TensorInfo("pixels", "UINT8", (8, 4, 3)), TensorInfo("geometry", "FP32", (6,))]
    (entry,) = entries([photo(40, 20)], inputs)
    assert entry["pixels"]["shape"] == [8, 4, 3]
    assert content(entry["pixels"]) == bytes((255, 0, 0)) * 32
    assert np.frombuffer(content(entry["geometry"]), np.float32).tolist() == [
        *(40, 20),
        *struct.unpack("ff", struct.pack("ff", 0.1, 0.4)),
        *(0, 0),
    ]


def test_a_network_of_any_size_gets_the_photo_in_its_own() -> None:
    (entry,) = entries([photo(40, 20)], [TensorInfo("pixels", "UINT8", (-1, -1, 3))])
    assert entry["pixels"]["shape"] == [20, 40, 3]


@pytest.mark.parametrize(
    ("image", "wanted", "refusal"),
    [
        (b"text", TensorInfo("pixels", "UINT8", (4, 4, 3)), "expected pictures, got a file that is none"),
        (
            b"",
            TensorInfo("audio", "FP32", (9,)),
            r"expected inputs that a picture gives \(.*\), got 'audio' FP32 \[9\]; ask the ensemble",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(image: bytes, wanted: TensorInfo, refusal: str) -> None:
    with pytest.raises(MeasurementError, match=refusal):
        input_data([image], [wanted])


@pytest.mark.parametrize(("max_batch_size", "shape"), [(8, (-1, 1)), (0, (1,))])
def test_the_batch_is_no_part_of_an_inputs_shape(max_batch_size: int, shape: tuple[int, ...]) -> None:
    tensors = (TensorInfo("image", "BYTES", shape),)
    model = ModelInfo("net", ("1",), "", "", max_batch_size, inputs=tensors, outputs=())
    assert inputs_of(model) == [TensorInfo("image", "BYTES", (1,))]
