"""The configurations of a new model, as text; they read like those written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from cronnx_onnxruntime.autocomplete import completions
from cronnx_onnxruntime.signature import Config, Signature
from cronnx_server.build_models.catalogue import GPU_FILE
from cronnx_server.model_spec import ModelSpec, Recipe, Task

TEMPLATES = Path(__file__).with_name("templates")
PREPROCESS_BATCH_SIZE = 32
NETWORK_ONLY_OUTPUTS = ("logits",)
"""Outputs of a network's model that its ensemble does not answer."""
ANSWER_NAMES = {"grid_geometry": "geometry"}
"""Outputs of a network's model that have another name in its ensemble, where an input has that name already."""
HANDED_ON = {"geometry": "photo_geometry"}
"""Tensors between the steps of an ensemble that have another name there, because an output of it has theirs."""
TENSORRT_TASKS = (Task.CLASSIFICATION, Task.MULTI_LABEL, Task.EMBEDDING, Task.DEPTH)
"""The tasks whose head TensorRT runs well; others suppress boxes or have outputs of variable size."""
ON_GPUS = {
    "version_policy: { all { } }": (
        "# A version's file for GPUs, in FP16, and the versions that have it: docs/profiles.md.\n"
        f'default_model_filename: "{GPU_FILE}"\n'
        "version_policy: { specific { versions: [ 1 ] } }"
    ),
    "# One session that uses every core; by default, Triton makes two on a CPU.\ninstance_group [ { count: 1 } ]": (
        "# One session for each GPU. Without a GPU, the model does not load.\n"
        "instance_group [ { count: 1 kind: KIND_GPU } ]"
    ),
}
"""What the profiles have in place of lines of a network's configuration."""
SERVED = re.compile(r"(specific \{ versions: \[ )(\d+(?:, \d+)*)( \])")
GEOMETRY_FILE = "geometry"
VARIABLE_SIDE = 640
"""The side of a warm-up image where it follows the photograph and nothing names a size."""


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


def network_config(
    signature: Signature, spec: ModelSpec, *, max_batch_size: int, max_queue_delay_ms: float | None
) -> str:
    """The configuration of a graph of `cronnx_server.graphs.image_model`."""
    config = completions({"max_batch_size": max_batch_size, "input": [], "output": []}, signature)
    height, width = warm_up_size(spec.recipe)
    inputs = (
        f'inputs {{ key: "pixels" value {{ data_type: TYPE_UINT8 dims: [ {height}, {width}, 3 ] random_data: true }} }}'
    )
    if any(tensor["name"] == "geometry" for tensor in config["input"]):
        value = f'data_type: TYPE_FP32 dims: [ 6 ] input_data_file: "{GEOMETRY_FILE}"'
        inputs += f'\n    inputs {{ key: "geometry" value {{ {value} }} }}'
    graph = onnx_config(config, max_queue_delay_ms=max_queue_delay_ms)
    return graph + _filled("onnx_image_model", two=min(2, max_batch_size), inputs=inputs)


def warm_up_size(recipe: Recipe) -> tuple[int, int]:
    """The (height, width) of a warm-up image."""
    aimed = recipe.resize_size or (VARIABLE_SIDE, VARIABLE_SIDE)
    height, width = recipe.height or aimed[0], recipe.width or aimed[1]
    return height, width


def profiles(network: str, task: Task) -> dict[str, str]:
    """The profiles of a network's configuration, by their paths in the model's folder."""
    tensorrt = "tensorrt" if task in TENSORRT_TASKS else "tensorrt_on_cuda"
    templates = {"cuda": "cuda", "tensorrt": tensorrt}
    network = _warmed_up_with_largest_batch(network)
    for on_a_cpu, on_gpus in ON_GPUS.items():
        network = network.replace(on_a_cpu, on_gpus)
    return {f"configs/{profile}.pbtxt": network + _filled(template) for profile, template in templates.items()}


def _warmed_up_with_largest_batch(network: str) -> str:
    """A network's configuration for a GPU, whose engines cover the sizes of the warm-up; a CPU needs no large one."""
    (largest,) = re.findall(r"^max_batch_size: (\d+)$", network, re.MULTILINE)
    network = network.replace("One request alone and two together", "One request alone and the largest batch")
    return re.sub(r'name: "two"\n    batch_size: \d+', f'name: "full batch"\n    batch_size: {largest}', network)


def serve_on_gpus(profile: str, version: int) -> str:
    """The text of a profile of `profiles` that serves one more version."""
    return SERVED.sub(lambda found: f"{found[1]}{found[2]}, {version}{found[3]}", profile, count=1)


def preprocess_config(recipe: Recipe, *, geometry: bool, name: str = "preprocess") -> str:
    """The configuration of the `preprocess` model of a recipe."""
    dims = _list([recipe.height or -1, recipe.width or -1, 3])
    outputs = [{"name": "pixels", "data_type": "TYPE_UINT8", "dims": dims}]
    if geometry:
        outputs.append({"name": "geometry", "data_type": "TYPE_FP32", "dims": "[ 6 ]"})
    described = ",\n".join(
        '  {{\n    name: "{name}"\n    data_type: {data_type}\n    dims: {dims}\n  }}'.format(**output)
        for output in outputs
    )
    return _filled(
        "preprocess",
        name=name,
        max_batch_size=PREPROCESS_BATCH_SIZE,
        outputs=described,
        parameters="\n".join(
            f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
            for key, value in recipe.parameters().items()
        ),
    )


def ensemble_config(name: str, *, task: Task, preprocess: str, network: Mapping[str, Any], max_batch_size: int) -> str:
    """The configuration of an ensemble of a `preprocess` model and version 1 of `<name>_onnx`.

    Args:
        name: The name of the ensemble.
        task: The task.
        preprocess: The name of the `preprocess` model.
        network: The configuration of `<name>_onnx`, as JSON.
        max_batch_size: The largest batch.
    """
    outputs = [output for output in network["output"] if output["name"] not in NETWORK_ONLY_OUTPUTS]
    handed_on = {tensor["name"]: HANDED_ON.get(tensor["name"], tensor["name"]) for tensor in network["input"]}
    answers = {output["name"]: ANSWER_NAMES.get(output["name"], output["name"]) for output in outputs}
    return _filled(
        "ensemble",
        name=name,
        task=task.value,
        preprocess=preprocess,
        max_batch_size=max_batch_size,
        outputs=_tensors({**output, "name": answers[output["name"]]} for output in outputs),
        handed_out=_maps("output", handed_on),
        handed_in=_maps("input", handed_on),
        answers=_maps("output", answers),
    )


def _maps(kind: str, names: Mapping[str, str]) -> str:
    return "\n".join(f'      {kind}_map {{ key: "{name}" value: "{tensor}" }}' for name, tensor in names.items())


def _filled(template: str, **values: object) -> str:
    return Template((TEMPLATES / f"{template}.pbtxt").read_text()).substitute(values)


def _dynamic_batching(max_queue_delay_ms: float | None) -> str:
    delay = f"max_queue_delay_microseconds: {round(1000 * max_queue_delay_ms)} " if max_queue_delay_ms else ""
    return f"dynamic_batching {{ {delay}}}\n"


def _tensors(entries: Iterable[Mapping[str, Any]]) -> str:
    return ",\n".join(f"  {{ {_tensor(entry)} }}" for entry in entries)


def _tensor(entry: Mapping[str, Any]) -> str:
    text = f"name: {_quoted(entry['name'])} data_type: {entry['data_type']} dims: {_list(entry['dims'])}"
    shape = entry.get("reshape", {}).get("shape") if entry.get("reshape") else None
    return text if shape is None else f"{text} reshape: {{ shape: {_list(shape)} }}"


def _list(numbers: Iterable[int]) -> str:
    text = ", ".join(map(str, numbers))
    return f"[ {text} ]" if text else "[ ]"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
