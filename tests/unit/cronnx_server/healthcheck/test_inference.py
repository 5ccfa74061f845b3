from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from cronnx_server.healthcheck.inference import PICTURE, inference
from tests.unit.cronnx_server.healthcheck.conftest import ENSEMBLE, NETWORK


def taken_apart(config: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    request = inference(config)
    assert request is not None
    body, headers = request
    length = int(headers["Inference-Header-Content-Length"])
    return json.loads(body[:length]), body[length:]


def test_an_image_is_a_picture_behind_its_length() -> None:
    header, content = taken_apart(ENSEMBLE)
    assert content == len(PICTURE).to_bytes(4, "little") + PICTURE
    assert header["inputs"] == [
        {"name": "image", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(content)}}
    ]


def test_the_picture_is_one() -> None:
    with Image.open(io.BytesIO(base64.b64decode(PICTURE))) as picture:
        picture.load()
        assert picture.size == (1, 1)


def test_anything_else_is_zeros_in_a_batch_of_one() -> None:
    header, content = taken_apart(NETWORK)
    assert content == bytes(12)
    assert header["inputs"][0]["shape"] == [1, 2, 2, 3]
    assert header["inputs"][0]["datatype"] == "UINT8"


def test_a_model_without_batches_gets_none() -> None:
    header, _ = taken_apart({**NETWORK, "max_batch_size": 0})
    assert header["inputs"][0]["shape"] == [2, 2, 3]


@pytest.mark.parametrize(
    ("data_type", "size"),
    [("BOOL", 1), ("INT8", 1), ("FP16", 2), ("BF16", 2), ("UINT16", 2), ("FP32", 4), ("INT64", 8), ("FP64", 8)],
)
def test_every_datatype_has_its_size(data_type: str, size: int) -> None:
    config = {"input": [{"name": "x", "data_type": f"TYPE_{data_type}", "dims": ["3"]}]}
    header, content = taken_apart(config)
    assert header["inputs"][0]["datatype"] == data_type
    assert content == bytes(3 * size)


def test_other_strings_are_empty() -> None:
    config = {"input": [{"name": "text", "data_type": "TYPE_STRING", "dims": ["2"]}]}
    assert taken_apart(config)[1] == bytes(8)
