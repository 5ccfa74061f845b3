"""Every model configuration of this project, found by its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT

REPOSITORIES = (MODEL_REPOSITORY, ENSEMBLES)


def name(path: Path) -> str:
    """A test's id."""
    return str(path.relative_to(ROOT))


def read(path: Path) -> ModelConfig:
    return text_format.Parse(path.read_text(), ModelConfig())


def folder(path: Path) -> Path:
    """The model that a default or a profile's configuration belongs to."""
    return path.parents[1] if path.parent.name == "configs" else path.parent


def served_by(field: str) -> list[Path]:
    """The configurations with this `backend` or `platform`, by their text: a broken one has to fail its own tests."""
    return [path for path in (*DEFAULTS, *PROFILES) if field in path.read_text().splitlines()]


def triton_json(path: Path) -> dict[str, Any]:
    """A configuration as Triton gives it to a backend: every field, and dims as numbers."""
    fields = MessageToDict(read(path), preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for tensor in (*fields["input"], *fields["output"]):
        tensor["dims"] = [int(dim) for dim in tensor["dims"]]
    return fields


DEFAULTS = sorted(path for repository in REPOSITORIES for path in repository.glob("*/config.pbtxt"))
PROFILES = sorted(path for repository in REPOSITORIES for path in repository.glob("*/configs/*.pbtxt"))
MODELS = {path.parent.name: path for path in DEFAULTS}
ENSEMBLE_MODELS = served_by('platform: "ensemble"')
PREPROCESS_MODELS = served_by('backend: "preprocess"')
ONNX_MODELS = served_by('backend: "onnxruntime"')
ROUTER_MODELS = served_by('backend: "router"')
