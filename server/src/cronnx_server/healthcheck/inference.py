"""The smallest inference that shows whether a model answers, from its configuration.

The body is that of the binary tensor data extension:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]
"""A model configuration as the server's JSON has it."""

# One pixel, as PNG; in base64, as that is text, which ONNX models that take strings insist on.
PICTURE = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_BYTES_OF_ZERO = {
    **dict.fromkeys(("BOOL", "UINT8", "INT8"), 1),
    **dict.fromkeys(("UINT16", "INT16", "FP16", "BF16"), 2),
    **dict.fromkeys(("UINT32", "INT32", "FP32"), 4),
    **dict.fromkeys(("UINT64", "INT64", "FP64"), 8),
    "STRING": 4,  # its length, and nothing after it
}


def inference(config: Config) -> tuple[bytes, dict[str, str]] | None:
    """Body and headers of a request with one picture, or else with zeros; None for a model of shapes of any size."""
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


def _described(tensor: Config, shape: list[int], content: bytes) -> dict[str, Any]:
    datatype = _datatype(tensor).replace("STRING", "BYTES")
    return {
        "name": tensor["name"],
        "shape": shape,
        "datatype": datatype,
        "parameters": {"binary_data_size": len(content)},
    }


def _content(tensor: Config, shape: list[int]) -> bytes:
    if tensor["name"] == "image" and _datatype(tensor) == "STRING":
        return (len(PICTURE).to_bytes(4, "little") + PICTURE) * math.prod(shape)
    return bytes(_BYTES_OF_ZERO[_datatype(tensor)] * math.prod(shape))


def _datatype(tensor: Config) -> str:
    return str(tensor["data_type"]).removeprefix("TYPE_")


def steps(config: Config) -> list[str]:
    """The names of the models that an ensemble runs."""
    return [step["model_name"] for step in config.get("ensemble_scheduling", {}).get("step", ())]


def instances(config: Config, configs: Mapping[str, Config]) -> int:
    """How many instances a model has, an ensemble as many as the step that has most."""
    groups = config.get("instance_group", ())
    own: int = sum(group.get("count", 1) * max(1, len(group.get("gpus", ()))) for group in groups)
    return max(1, own, *(instances(configs[name], configs) for name in steps(config) if name in configs))
