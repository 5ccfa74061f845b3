"""A repository in which every candidate is an ensemble of its own; steps with the same settings are there once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab.tune.candidates import Candidate
from cronnx_lab.tune.settings import Settings, with_settings
from cronnx_server import repository


def ensemble_name(number: int) -> str:
    """The name of a candidate's ensemble."""
    return f"candidate_{number}"


def write(folder: Path, ensemble: ModelConfig, steps: Mapping[str, Path], candidates: Sequence[Candidate]) -> None:
    """Write the ensembles of candidates and their steps.

    Args:
        folder: the repository.
        ensemble: the one that is tuned.
        steps: the folders of its steps, by model; versions and warm-ups are links into them.
        candidates: in the order of their numbers.
    """
    for number, candidate in enumerate(candidates):
        config = ModelConfig()
        config.CopyFrom(ensemble)
        config.name = ensemble_name(number)
        for step in config.ensemble_scheduling.step:
            settings = candidate.settings(step.model_name)
            step.model_name = _write_step(folder, steps[step.model_name], step.model_version, settings)
        (folder / config.name / "1").mkdir(parents=True)
        _write_config(folder / config.name, config)


def _write_step(folder: Path, model: Path, version: int, settings: Settings) -> str:
    config = with_settings(repository.read_config(model), settings)
    config.name = name = re.sub(r"\W+", "_", f"{model.name} {settings}")
    target = folder / name
    if not target.exists():
        target.mkdir(parents=True)
        for entry in model.iterdir():
            if entry.name not in ("config.pbtxt", "configs") and not _is_other_version(entry, version):
                (target / entry.name).symlink_to(entry.resolve())
        _write_config(target, config)
    return name


def _is_other_version(entry: Path, version: int) -> bool:
    return version > 0 and entry.name.isdecimal() and int(entry.name) != version


def _write_config(folder: Path, config: ModelConfig) -> None:
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
