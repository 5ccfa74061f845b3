"""What is told of a server's models, read from the JSON of Triton's APIs.

Sources: `extension_statistics.md`, `extension_model_repository.md` and `extension_model_configuration.md` in
`docs/protocol/` of github.com/triton-inference-server/server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

READY, UNLOADED = "READY", "unloaded"


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        name: of the model.
        version: its number, as text.
    """

    name: str
    version: str


@dataclass(frozen=True)
class Server:
    """A server at one moment.

    Attributes:
        is_ready: whether it says that it can be asked.
        ready: of each version that somebody wants loaded, whether it is.
        batches: of each version, how many batches of each size it has run.
        steps: of each model that is loaded, the models it is an ensemble of, in order; none of one that is no ensemble.
    """

    is_ready: bool = False
    ready: Mapping[ModelVersion, bool] = field(default_factory=dict)
    batches: Mapping[ModelVersion, Mapping[int, int]] = field(default_factory=dict)
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_index(index: Sequence[Mapping[str, Any]]) -> dict[ModelVersion, bool]:
    """Whether each version is ready, from a repository index; what was unloaded or never loaded is left out."""
    return {
        ModelVersion(model["name"], model.get("version", "")): model["state"] == READY
        for model in index
        if model.get("state") and model.get("reason") != UNLOADED
    }


def read_batches(statistics: Mapping[str, Any]) -> dict[ModelVersion, dict[int, int]]:
    """How many batches of each size every version has run, warm-ups included; answers of the cache are not."""
    return {
        ModelVersion(model["name"], model["version"]): dict(_batches(model.get("batch_stats", ())))
        for model in statistics["model_stats"]
    }


def _batches(batch_stats: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    for batch in batch_stats:
        yield int(batch["batch_size"]), int(batch["compute_infer"]["count"])


def read_steps(config: Mapping[str, Any]) -> list[str]:
    """The models that an ensemble's configuration calls, in order; none for another model."""
    return [step["model_name"] for step in config.get("ensemble_scheduling", {}).get("step", ())]
