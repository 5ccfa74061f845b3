from __future__ import annotations

import json
import re

from cronnx_lab.load.http_requests import to_fastapi, to_triton


def parts(request: bytes) -> tuple[str, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    return head.decode(), body


def test_triton_gets_a_header_in_json_and_the_image_behind_its_length() -> None:
    head, body = parts(to_triton("net_v2", b"image"))
    length = int(re.findall(r"Inference-Header-Content-Length: (\d+)", head)[0])
    assert head.startswith("POST /v2/models/net_v2/infer HTTP/1.1\r\n")
    assert body[length:] == b"\x05\x00\x00\x00image"
    (tensor,) = json.loads(body[:length])["inputs"]
    assert tensor == {"name": "image", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": 9}}


def test_fastapi_gets_the_image() -> None:
    head, body = parts(to_fastapi(b"image"))
    assert head.startswith("POST /infer HTTP/1.1\r\n")
    assert body == b"image"


def test_the_length_of_the_body_is_in_the_header() -> None:
    for request in (to_triton("net", b"an image"), to_fastapi(b"an image")):
        head, body = parts(request)
        assert f"\r\nContent-Length: {len(body)}" in head
