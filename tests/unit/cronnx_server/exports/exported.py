"""Models as exporters write them: a graph of one node, its metadata and side files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import yaml
from onnx import TensorProto, helper

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.readers import read_all
from cronnx_server.exports.source import read_source

Dims = Sequence[int | str]
IMAGES: Dims = ("batch", 3, 224, 224)


def write_model(
    folder: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    image: Dims = IMAGES,
    outputs: Mapping[str, Dims] | None = None,
    name: str = "model.onnx",
) -> Path:
    """Write a graph whose only input is an image."""
    values = [
        helper.make_tensor_value_info(output, TensorProto.FLOAT, dims)
        for output, dims in (outputs or {"logits": ("batch", 3)}).items()
    ]
    images = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, image)
    nodes = [helper.make_node("Identity", ["pixel_values"], [value.name]) for value in values]
    model = helper.make_model(helper.make_graph(nodes, "net", [images], values))
    helper.set_model_props(model, dict(metadata or {}))
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / name))
    return folder / name


def write_files(folder: Path, files: Mapping[str, object]) -> None:
    """Write side files: text as it is, other values as JSON or YAML by the name."""
    for name, content in files.items():
        written = yaml.safe_dump(content) if name.endswith(".yml") else json.dumps(content)
        (folder / name).write_text(content if isinstance(content, str) else written)


def facts_of(folder: Path, files: Mapping[str, object] | None = None, **graph: object) -> dict[str, object]:
    """The facts, by name, about a model with side files."""
    write_model(folder, **graph)  # type: ignore[arg-type]
    write_files(folder, files or {})
    return read_facts(folder)


def read_facts(folder: Path) -> dict[str, object]:
    """The facts, by name, in what lies in a folder."""
    facts = Facts()
    read_all(read_source(folder), facts)
    return {fact.name: fact.value for fact in facts}
