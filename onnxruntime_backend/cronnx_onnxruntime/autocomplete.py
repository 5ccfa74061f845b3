"""Completes a model configuration from the graph, as NVIDIA's backend does."""

from __future__ import annotations

from typing import Any

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Config, Signature, Tensor

DEFAULT_MAX_BATCH_SIZE = 4


def is_complete(config: Config) -> bool:
    """Whether a configuration has both inputs and outputs; then it is left unchanged."""
    return bool(_has_inputs(config) and config["output"])


def completions(config: Config, signature: Signature) -> dict[str, Any]:
    """The fields to set in `config`: its missing inputs, outputs, `max_batch_size` and scheduler.

    Raises:
        ConfigError: `max_batch_size` is above 0, but the graph does not batch.
    """
    max_batch_size = config["max_batch_size"]
    if max_batch_size > 0 and not signature.batchable:
        raise ConfigError(
            "max_batch_size: expected 0, because the first dimension of an input or output of the graph is fixed, "
            f"got {max_batch_size}"
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
        entry["reshape"] = {"shape": []}  # Triton refuses empty `dims`
    return entry
