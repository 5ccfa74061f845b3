"""Parts of correct and of wrong HTTP requests."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any

from cronnx_lab.fuzz.images import encode, photo
from cronnx_lab.fuzz.requests import HttpRequest
from tests.corpus.malformed import MODEL, Malformed

INFER = f"/v2/models/{MODEL}/infer"
GENERATE = f"/v2/models/{MODEL}/generate"
FILE = encode(photo(), "JPEG")
TEXT = b64encode(FILE).decode()
TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [TEXT]}
ABSENT = object()

# Triton answers 500 to JSON that it does not expect: docs/triton.md.
MISREAD = 500
NO_JSON = "failed to parse the request JSON buffer"
NO_PICTURE = "image[0]: expected a JPEG, PNG, WebP, BMP, TIFF or GIF image, its base64 or its data URL"
ONE_SOURCE = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters'"


def document(*tensors: Any, **fields: Any) -> bytes:
    return json.dumps({"inputs": list(tensors), **fields}).encode()


def infer(kind: str, body: bytes, message: str, status: int = 400, **headers: str) -> Malformed:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Malformed(f"infer: {kind}", HttpRequest(INFER, body, named), status, message)


def tensor(kind: str, message: str, status: int = 400, **changed: Any) -> Malformed:
    """Return a request of one tensor with fields changed or left out."""
    fields = {name: value for name, value in {**TENSOR, **changed}.items() if value is not ABSENT}
    return infer(kind, document(fields), message, status)


def generate(kind: str, image: Any, message: str, status: int = 400) -> Malformed:
    fields = {} if image is ABSENT else {"image": image}
    return Malformed(f"generate: {kind}", HttpRequest(GENERATE, json.dumps(fields).encode()), status, message)


def elsewhere(kind: str, path: str, message: str, status: int, method: str = "POST") -> Malformed:
    return Malformed(
        kind, HttpRequest(path, document(TENSOR) if method == "POST" else b"", method=method), status, message
    )


def binary(kind: str, elements: bytes, message: str, status: int = 400, **changed: Any) -> Malformed:
    """Return a request with a binary tensor after the JSON; `changed` are fields of the tensor."""
    fields = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(elements)},
        **changed,
    }
    head = document(fields)
    return infer(kind, head + elements, message, status, Inference_Header_Content_Length=str(len(head)))


def element(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<I", len(content) if length is None else length) + content
