"""The smallest inference that shows whether a model answers, made from its configuration.

The body has the form of the binary tensor data extension:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import json
import math
from typing import Any

from cronnx_server.model_config import ELEMENT_BYTES, ModelConfigJson

# A PNG of one pixel, as base64: ONNX models that take strings accept only text.
PICTURE = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_EMPTY_STRING = bytes(4)  # its length


def inference(config: ModelConfigJson) -> tuple[bytes, dict[str, str]] | None:
    """The body and headers of a request with one image, or with zeros; None if an input has a dimension of any size."""
    batch = [1] if config.get("max_batch_size") else []
    inputs = [tensor for tensor in config.get("input", ()) if not tensor.get("optional")]
    shapes = [[*batch, *map(int, tensor["dims"])] for tensor in inputs]
    if any(dim < 0 for shape in shapes for dim in shape):
        return None
    contents = [_content(tensor, shape) for tensor, shape in zip(inputs, shapes, strict=True)]
    described = [_described(*each) for each in zip(inputs, shapes, contents, strict=True)]
    request = {"id": "healthcheck", "inputs": described, "parameters": {"binary_data_output": True}}
    header = json.dumps(request).encode()
    return b"".join((header, *contents)), {"Inference-Header-Content-Length": str(len(header))}


def _described(tensor: ModelConfigJson, shape: list[int], content: bytes) -> dict[str, Any]:
    return {
        "name": tensor["name"],
        "shape": shape,
        "datatype": tensor["data_type"].removeprefix("TYPE_").replace("STRING", "BYTES"),
        "parameters": {"binary_data_size": len(content)},
    }


def _content(tensor: ModelConfigJson, shape: list[int]) -> bytes:
    if tensor["data_type"] != "TYPE_STRING":
        return bytes(ELEMENT_BYTES[tensor["data_type"]] * math.prod(shape))
    image = len(PICTURE).to_bytes(4, "little") + PICTURE
    return (image if tensor["name"] == "image" else _EMPTY_STRING) * math.prod(shape)
