"""Data types of model configurations, as the protocol names them and as JSON carries them."""

from __future__ import annotations

from typing import Any

JSON_TYPES = {"TYPE_STRING": "string", "TYPE_BOOL": "boolean", "TYPE_FP16": "number", "TYPE_FP32": "number"}
JSON_TYPES |= {"TYPE_FP64": "number"} | {
    f"TYPE_{sign}INT{bits}": "integer" for sign in ("", "U") for bits in (8, 16, 32, 64)
}


def datatype(data_type: str) -> str:
    """What the protocol calls a type of a configuration."""
    return "BYTES" if data_type == "TYPE_STRING" else data_type.removeprefix("TYPE_")


def json_schema(data_type: str, dims: list[int]) -> dict[str, Any]:
    """The schema of a tensor without its batch, flat: one element by itself, more as a list."""
    element = {"type": JSON_TYPES[data_type]}
    count = 1
    for dim in dims:
        count *= dim
    return element if count == 1 else {"type": "array", "items": element, "minItems": count, "maxItems": count}
