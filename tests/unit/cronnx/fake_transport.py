"""A transport without a server: the client's own seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from cronnx import InvalidInput
from cronnx._transport import InferRequest
from tests.unit.cronnx.answers import MAX_BATCH_SIZE, DecodingError, classify


class FakeTransport:
    """Answers in this process, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[InferRequest] = []
        self.configs_read: list[str] = []
        self.close_count = 0
        self.max_batch = MAX_BATCH_SIZE
        self.failure: Exception | None = None
        self.answer: Callable[[Sequence[bytes]], dict[str, npt.NDArray[Any]]] = classify

    def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        try:
            return self.answer(request.inputs["image"][:, 0].tolist())
        except DecodingError as error:
            raise InvalidInput(str(error), server_message=str(error)) from error

    def is_server_live(self, *, timeout_s: float) -> bool:
        return self._ready(timeout_s)

    def is_server_ready(self, *, timeout_s: float) -> bool:
        return self._ready(timeout_s)

    def is_model_ready(self, model_name: str, *, timeout_s: float) -> bool:
        return self._ready(timeout_s) and model_name == "efficientnet_lite0"

    def _ready(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        if self.failure:
            raise self.failure
        return True

    def max_batch_size(self, model_name: str, *, timeout_s: float) -> int:
        assert timeout_s > 0
        self.configs_read.append(model_name)
        return self.max_batch

    def close(self) -> None:
        self.close_count += 1
