"""The project's model configurations: those that git tracks. A model that a user added is not held to the contract."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT

REPOSITORIES = (MODEL_REPOSITORY, ENSEMBLES)


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks and that match a pattern, in which `*` does not match a slash."""
    command = ["git", "ls-files", "--", *(f":(glob){pattern}" for pattern in patterns)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in map(ROOT.joinpath, listed) if path.is_file()]


def name(path: Path) -> str:
    """Return a test's id."""
    return str(path.relative_to(ROOT))


def read(path: Path) -> ModelConfig:
    return text_format.Parse(path.read_text(), ModelConfig())


def folder(path: Path) -> Path:
    """Return the model's folder of a default or a profile's configuration."""
    return path.parents[1] if path.parent.name == "configs" else path.parent


def served_by(field: str) -> list[Path]:
    """Return the configurations with this line, found by text so that a broken one fails only its own tests."""
    return [path for path in (*DEFAULTS, *PROFILES) if field in path.read_text().splitlines()]


def triton_json(path: Path) -> dict[str, Any]:
    """Return a configuration as Triton passes it to a backend: every field, and dims as numbers."""
    fields = MessageToDict(read(path), preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for tensor in (*fields["input"], *fields["output"]):
        tensor["dims"] = [int(dim) for dim in tensor["dims"]]
    return fields


DEFAULTS = sorted(tracked(*(f"{repository.name}/*/config.pbtxt" for repository in REPOSITORIES)))
PROFILES = sorted(tracked(*(f"{repository.name}/*/configs/*.pbtxt" for repository in REPOSITORIES)))
MODELS = {path.parent.name: path for path in DEFAULTS}
ENSEMBLE_MODELS = served_by('platform: "ensemble"')
PREPROCESS_MODELS = served_by('backend: "preprocess"')
ONNX_MODELS = served_by('backend: "onnxruntime"')
ROUTER_MODELS = served_by('backend: "router"')
