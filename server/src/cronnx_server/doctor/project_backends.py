"""What this project's own backends read in a model configuration, by their own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

import cronnx_onnxruntime.errors
import cronnx_onnxruntime.settings
import cronnx_preprocess
import cronnx_router
from cronnx_server.doctor.repositories import Model

READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "onnxruntime": cronnx_onnxruntime.settings.settings,
    "preprocess": cronnx_preprocess.Options.from_model_config,
    "router": cronnx_router.Options.from_model_config,
}
REFUSALS = (
    cronnx_onnxruntime.errors.ConfigError,
    cronnx_preprocess.ConfigError,
    cronnx_router.ConfigError,
)


def as_given_to_a_backend(model: Model) -> dict[str, Any]:
    """A model's configuration with every field, as Triton's JSON has it."""
    fields: dict[str, Any] = MessageToDict(
        model.config, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for tensor in (*fields["input"], *fields["output"]):
        tensor["dims"] = [int(dim) for dim in tensor["dims"]]  # 64 bit integers are text in protobuf's JSON
    return fields


def arms(router: Model) -> Iterator[tuple[str, int]]:
    """The models and versions that a router calls; none of one that its backend refuses."""
    try:
        options = cronnx_router.Options.from_model_config(as_given_to_a_backend(router))
    except cronnx_router.ConfigError:
        return
    for arm in (*options.weights, options.shadow):
        if arm:
            yield arm.model_name, arm.model_version
