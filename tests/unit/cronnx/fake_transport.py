"""A transport without a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cronnx import InvalidInput
from cronnx._transports.base import InferRequest, Json, ServerRequest
from tests.unit.cronnx.answers import DecodingError, classify, config

A = TypeVar("A")


class FakeTransport:
    """Answers in this process, and records its requests."""

    def __init__(self) -> None:
        self.requests: list[InferRequest] = []
        self.calls: list[tuple[str, str]] = []
        self.close_count = 0
        self.config = config()
        self.failure: Exception | None = None
        self.answer: Callable[[Sequence[bytes]], dict[str, npt.NDArray[Any]]] = classify

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        image = request.inputs["image"]
        assert isinstance(image, np.ndarray)
        try:
            return self.answer(image[:, 0].tolist())
        except DecodingError as error:
            raise InvalidInput(str(error), server_message=str(error)) from error

    async def send(self, request: ServerRequest[A]) -> A:
        assert request.timeout_s > 0
        return await request.call(self)

    async def close(self) -> None:
        self.close_count += 1

    async def is_server_live(self) -> bool:
        self._record("is_server_live")
        return True

    async def is_server_ready(self) -> bool:
        self._record("is_server_ready")
        return True

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:  # noqa: ARG002 - the API's
        self._record("is_model_ready", model_name)
        return model_name == "efficientnet_lite0"

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        raise NotImplementedError(model_name, model_version)

    async def model_config(self, model_name: str, model_version: str = "") -> Json:  # noqa: ARG002 - the API's
        self._record("model_config", model_name)
        return self.config

    async def model_statistics(self, model_name: str = "") -> Json:
        raise NotImplementedError(model_name)

    async def repository_index(self) -> list[Json]:
        raise NotImplementedError

    async def load_model(self, model_name: str, config: str | None = None) -> None:  # noqa: ARG002 - the API's
        self._record("load_model", model_name)

    async def unload_model(self, model_name: str) -> None:
        self._record("unload_model", model_name)

    async def system_shared_memory_regions(self) -> list[str]:
        raise NotImplementedError

    async def register_system_shared_memory(self, region: str, byte_size: int) -> None:
        raise NotImplementedError(region, byte_size)

    async def unregister_system_shared_memory(self, region: str) -> None:
        raise NotImplementedError(region)

    def asked(self, method: str) -> list[str]:
        """Return the models for which a method was called."""
        return [model_name for name, model_name in self.calls if name == method]

    def _record(self, method: str, model_name: str = "") -> None:
        self.calls.append((method, model_name))
        if self.failure:
            raise self.failure
