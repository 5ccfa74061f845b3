"""A server with an ensemble over a classifier of several versions, which loads models by Triton's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from cronnx import CronnxError, NotReady, ServerFault
from cronnx._transports.base import InferRequest, Json
from tests.unit.cronnx.fake_transport import FakeTransport

ENSEMBLE, CLASSIFIER = "toy", "toy_onnx"
CONFIG: dict[str, Any] = {
    "name": ENSEMBLE,
    "platform": "ensemble",
    "parameters": {"owner": {"string_value": "us"}},
    "ensemble_scheduling": {
        "step": [
            {"model_name": "preprocess", "model_version": "-1", "input_map": {"image": "image"}},
            {"model_name": CLASSIFIER, "model_version": "1", "input_map": {"pixels": "pixels"}},
        ]
    },
}
METADATA = {"name": CLASSIFIER, "inputs": [{"name": "pixels", "datatype": "UINT8", "shape": ["-1", "4", "4", "3"]}]}


class FakeRepository(FakeTransport):
    """Has versions in several states, and an ensemble whose configuration a load replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.states = {"1": "READY", "2": "READY", "3": "UNAVAILABLE"}
        self.config = CONFIG
        self.metadata: dict[str, Any] = METADATA
        self.is_there = True
        self.loads: list[dict[str, Any]] = []
        self.tried: list[tuple[str, str, dict[str, npt.NDArray[Any]]]] = []
        self.failure_of_version: dict[str, CronnxError] = {}
        self.before_load: Callable[[], object] = lambda: None
        self.after_load: Callable[[], object] = lambda: None

    @property
    def pinned(self) -> str:
        return str(self.config["ensemble_scheduling"]["step"][1]["model_version"])

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        self.tried.append((request.model_name, request.model_version, dict(request.inputs)))  # type: ignore[arg-type]
        if request.model_version in self.failure_of_version:
            raise self.failure_of_version[request.model_version]
        return {}

    async def model_config(self, model_name: str, model_version: str = "") -> Json:
        if model_name == CLASSIFIER:
            return {"name": CLASSIFIER, "max_batch_size": 4}
        if not self.is_there:
            raise NotReady(f"{model_name} {model_version} has no available versions")
        return self.config

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        assert (model_name, self.states[model_version]) == (CLASSIFIER, "READY")
        return self.metadata

    async def repository_index(self) -> list[Json]:
        versions = [{"name": CLASSIFIER, "version": number, "state": state} for number, state in self.states.items()]
        return [{"name": ENSEMBLE, "version": "1", "state": "READY"}, *versions]

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:  # noqa: ARG002 - the API's
        return model_name == ENSEMBLE and self.is_there

    async def load_model(self, model_name: str, config: str | None = None) -> None:
        assert model_name == ENSEMBLE
        assert config is not None
        self.before_load()
        self.loads.append(json.loads(config))
        self.config = json.loads(config)
        self.is_there = self.states.get(self.pinned) == "READY"
        if not self.is_there:
            raise ServerFault(f"required version {self.pinned} is not loaded")
        self.after_load()
