"""The configurations of a new model, as text; they read like those written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from cronnx_onnxruntime.autocomplete import completions
from cronnx_onnxruntime.signature import Config, Signature

TEMPLATES = Path(__file__).with_name("templates")
PROFILES = ("cuda", "tensorrt")


def onnx_config(config: Config, *, max_queue_delay_ms: float | None) -> str:
    """The configuration of a graph.

    Args:
        config: Its `max_batch_size`, `input` and `output` as Triton gives them to a backend.
        max_queue_delay_ms: The longest time that a request waits for others, in milliseconds; None and 0 are no wait.
    """
    return _filled(
        "onnx",
        max_batch_size=config["max_batch_size"],
        dynamic_batching=_dynamic_batching(max_queue_delay_ms) if config["max_batch_size"] > 1 else "",
        inputs=_tensors(config["input"]),
        outputs=_tensors(config["output"]),
    )


def classifier_config(signature: Signature, *, size: int, max_batch_size: int, max_queue_delay_ms: float | None) -> str:
    """The configuration of a graph of `cronnx_server.build_models.classifier_graph`."""
    config = completions({"max_batch_size": max_batch_size, "input": [], "output": []}, signature)
    graph = onnx_config(config, max_queue_delay_ms=max_queue_delay_ms)
    return graph + _filled("onnx_classifier", max_batch_size=max_batch_size, size=size)


def profiles(classifier: str) -> dict[str, str]:
    """The profiles of a classifier's configuration, by their paths in the model's folder."""
    return {f"configs/{name}.pbtxt": classifier + _filled(name) for name in PROFILES}


def preprocess_config(size: int) -> str:
    """The configuration of `preprocess_<size>`."""
    return _filled("preprocess", size=size, resize_size=int(size / 0.875))


def ensemble_config(name: str, *, size: int, top_k: int, max_batch_size: int) -> str:
    """The configuration of an ensemble of `preprocess_<size>` and version 1 of `<name>_onnx`."""
    return _filled("ensemble", name=name, size=size, top_k=top_k, max_batch_size=max_batch_size)


def _filled(template: str, **values: object) -> str:
    return Template((TEMPLATES / f"{template}.pbtxt").read_text()).substitute(values)


def _dynamic_batching(max_queue_delay_ms: float | None) -> str:
    delay = f"max_queue_delay_microseconds: {round(1000 * max_queue_delay_ms)} " if max_queue_delay_ms else ""
    return f"dynamic_batching {{ {delay}}}\n"


def _tensors(entries: Iterable[Mapping[str, Any]]) -> str:
    return ",\n".join(f"  {{ {_tensor(entry)} }}" for entry in entries)


def _tensor(entry: Mapping[str, Any]) -> str:
    text = f"name: {_quoted(entry['name'])} data_type: {entry['data_type']} dims: {_list(entry['dims'])}"
    return f"{text} reshape: {{ shape: {_list(entry['reshape']['shape'])} }}" if "reshape" in entry else text


def _list(numbers: Iterable[int]) -> str:
    text = ", ".join(map(str, numbers))
    return f"[ {text} ]" if text else "[ ]"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
