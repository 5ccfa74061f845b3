"""Whole HTTP requests as bytes, prepared before a load begins."""

from __future__ import annotations

import json
import struct


def to_triton(model_name: str, image: bytes, *, binary_answer: bool = False) -> bytes:
    """Ask a model about one image file; the answer is JSON, or binary tensors.

    Source: the binary tensor data extension of the KServe protocol, `docs/protocol/extension_binary_data.md` of
    Triton's server.
    """
    element = struct.pack("<I", len(image)) + image
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(element)},
    }
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": binary_answer}}).encode()
    length = f"Inference-Header-Content-Length: {len(header)}\r\n"
    return _post(f"/v2/models/{model_name}/infer", header + element, headers=length)


def to_fastapi(image: bytes) -> bytes:
    """Ask the FastAPI rival about one image file."""
    return _post("/infer", image)


def _post(path: str, body: bytes, *, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
