"""A server of an ensemble with two versions, at the seam of the client's transport."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from cronnx import AsyncClient, ConnectionFailed, InvalidInput, ModelNotFound, Retry
from cronnx._transports.base import InferRequest, Json
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.typed_answers import answers_of

KEY = "the-right-key-1234"
RESTRICTED = "This API is restricted, expecting header 'cronnx-key'"


def ensemble(name: str, task: str, network: str, version: str = "1") -> dict[str, Any]:
    outputs = answers_of(task)([b"image"])
    return {
        "name": name,
        "platform": "ensemble",
        "max_batch_size": 4,
        "input": [{"name": "image", "data_type": "TYPE_STRING", "dims": ["1"]}],
        "output": [{"name": each, "data_type": "TYPE_FP32", "dims": ["5"]} for each in outputs],
        "parameters": {"task": {"string_value": task}},
        "ensemble_scheduling": {
            "step": [
                {
                    "model_name": "preprocess",
                    "model_version": "-1",
                    "input_map": {"image": "image"},
                    "output_map": {"pixels": "pixels"},
                },
                {
                    "model_name": network,
                    "model_version": version,
                    "input_map": {"pixels": "pixels"},
                    "output_map": {each: each for each in outputs},
                },
            ]
        },
    }


def plain(name: str, **fields: Any) -> dict[str, Any]:
    tensors = [{"name": "pixels", "data_type": "TYPE_UINT8", "dims": ["4", "4", "3"]}]
    return {"name": name, "backend": "onnxruntime", "input": tensors, "output": tensors, **fields}


@dataclass
class FakeTriton:
    """The state of a server, and what it was asked.

    Attributes:
        configs: The configurations of the loaded models.
        versions: Their versions.
        unloaded: The names of the models that are not loaded.
        task: The task of what the ensemble answers.
        is_up: Whether it can be reached.
        needs_key: Whether it keeps the list of its models for those with the key.
        fault: What any inference fails with.
        late: How many readings of the statistics do not have the last request.
        opened: The keys of the clients, None for those without one.
        closed: How many clients are closed.
        requests: The inferences.
    """

    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    unloaded: list[str] = field(default_factory=lambda: ["asleep"])
    task: str = "classification"
    is_up: bool = True
    needs_key: bool = False
    fault: Exception | None = None
    late: int = 0
    opened: list[str | None] = field(default_factory=list)
    closed: int = 0
    requests: list[InferRequest] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.serve("cats", self.task)

    def serve(self, name: str, task: str) -> None:
        """Serve an ensemble, whose network has the versions 1 and 2."""
        self.task = task
        network = f"{name}_onnx"
        self.configs |= {
            name: ensemble(name, task, network),
            "preprocess": plain("preprocess"),
            network: plain(network),
        }
        self.versions |= {name: ["1"], "preprocess": ["1"], network: ["1", "2"]}

    def connect(self, key: str | None) -> AsyncClient:
        self.opened.append(key)
        return AsyncClient(transport=_Transport(self, key), retry=Retry(attempts=1))

    def statistics(self) -> list[Json]:
        """Each request takes 1 ms in the queue, 2 ms for inputs, 3 ms in the model and 4 ms for outputs."""
        counts = self.counts if self.late <= 0 else Counter[tuple[str, str]]()
        self.late -= 1
        parts = {"queue": 1, "compute_input": 2, "compute_infer": 3, "compute_output": 4, "success": 10}
        return [
            {
                "name": name,
                "version": version,
                "inference_stats": {
                    part: {"count": str(counts[name, version]), "ns": str(counts[name, version] * ms * 1_000_000)}
                    for part, ms in parts.items()
                },
            }
            for name, versions in self.versions.items()
            for version in versions
        ]


class _Transport(FakeTransport):
    def __init__(self, triton: FakeTriton, key: str | None) -> None:
        super().__init__()
        self._triton, self._key = triton, key

    def _check(self) -> None:
        if not self._triton.is_up:
            raise ConnectionFailed("cannot reach it: connection refused")

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        self._check()
        triton = self._triton
        triton.requests.append(request)
        if triton.fault:
            raise triton.fault
        if request.model_name not in triton.configs:
            raise ModelNotFound(f"Request for unknown model: '{request.model_name}' is not found")
        for step in triton.configs[request.model_name].get("ensemble_scheduling", {}).get("step", ()):
            version = step["model_version"]
            triton.counts[step["model_name"], "1" if version == "-1" else version] += 1
        triton.counts[request.model_name, request.model_version or "1"] += 1
        if request.model_name == "preprocess":
            return {"pixels": request.inputs["image"]}  # type: ignore[dict-item]
        images = next(iter(request.inputs.values()))
        if images[0, 0] == b"broken":  # type: ignore[index]
            raise InvalidInput(
                "image[0]: expected an image, got something that starts with b'broken'", server_message=""
            )
        return answers_of(triton.task)(images[:, 0].tolist())  # type: ignore[index]

    async def is_server_live(self) -> bool:
        self._check()
        return True

    async def is_server_ready(self) -> bool:
        self._check()
        return True

    async def model_config(self, model_name: str, model_version: str = "") -> Json:  # noqa: ARG002 - the API's
        self._check()
        if model_name not in self._triton.configs:
            raise ModelNotFound(f"Request for unknown model: '{model_name}' is not found")
        return self._triton.configs[model_name]

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        return {"name": (await self.model_config(model_name, model_version))["name"]}

    async def model_statistics(self, model_name: str = "") -> Json:  # noqa: ARG002 - the API's
        self._check()
        return {"model_stats": self._triton.statistics()}

    async def repository_index(self) -> list[Json]:
        self._check()
        if self._triton.needs_key and self._key != KEY:
            raise InvalidInput(f"{RESTRICTED}; give its key", server_message=RESTRICTED)
        loaded: list[Json] = [
            {"name": name, "version": version, "state": "READY"}
            for name, versions in self._triton.versions.items()
            for version in versions
        ]
        gone = [
            {"name": name, "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}
            for name in self._triton.unloaded
        ]
        return [*loaded, *gone]

    async def close(self) -> None:
        self._triton.closed += 1
