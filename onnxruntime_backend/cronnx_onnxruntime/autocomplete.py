"""The parts of a model configuration that the graph itself can give, filled in as NVIDIA's backend does."""

from __future__ import annotations

from typing import Any

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Config, Signature, Tensor

DEFAULT_MAX_BATCH_SIZE = 4


def is_complete(config: Config) -> bool:
    """Whether a configuration gives both inputs and outputs, and so is left as it is."""
    return bool(_has_inputs(config) and config["output"])


def completions(config: Config, signature: Signature) -> dict[str, Any]:
    """The fields to set in `config`: inputs, outputs, `max_batch_size` and the scheduler where they are absent.

    Raises:
        ConfigError: it asks for batches that the graph cannot take.
    """
    max_batch_size = config["max_batch_size"]
    if max_batch_size > 0 and not signature.batchable:
        raise ConfigError(
            f"max_batch_size is {max_batch_size}, but the graph does not support batching: "
            "the first dimension of each input and output must vary"
        )
    if signature.batchable:
        max_batch_size = max_batch_size or DEFAULT_MAX_BATCH_SIZE
    fields: dict[str, Any] = {"max_batch_size": max_batch_size}
    if max_batch_size > 1 and "dynamic_batching" not in config:
        fields["dynamic_batching"] = {}
    if not _has_inputs(config):
        given = (tensor for tensor in signature.inputs if not tensor.optional)
        fields["input"] = [_entry(tensor, batching=max_batch_size > 0) for tensor in given]
    if not config["output"]:
        fields["output"] = [_entry(tensor, batching=max_batch_size > 0) for tensor in signature.outputs]
    return fields


def _has_inputs(config: Config) -> bool:
    return bool(config["input"] or config.get("batch_input"))


def _entry(tensor: Tensor, *, batching: bool) -> dict[str, Any]:
    dims = list(tensor.shape[1:] if batching else tensor.shape)
    entry: dict[str, Any] = {"name": tensor.name, "data_type": tensor.data_type, "dims": dims or [1]}
    if not dims and batching:
        entry["reshape"] = {"shape": []}  # `dims` must not be empty, and an element an example has none
    return entry
