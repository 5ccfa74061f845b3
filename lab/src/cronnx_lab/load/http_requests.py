"""Whole HTTP requests, made before the clock runs."""

from __future__ import annotations

import json
import struct


def to_triton(model_name: str, image: bytes) -> bytes:
    """One image in raw bytes, by Triton's binary tensor extension of the KServe protocol."""
    element = struct.pack("<I", len(image)) + image
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(element)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()
    length = f"Inference-Header-Content-Length: {len(header)}\r\n"
    return _post(f"/v2/models/{model_name}/infer", header + element, more=length)


def to_fastapi(image: bytes) -> bytes:
    """One image as the body."""
    return _post("/classify", image)


def _post(path: str, body: bytes, *, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
