"""A transport without a server: the client's own seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx import InvalidInput
from cronnx._transport import Answer, InferRequest, Question
from tests.unit.cronnx.answers import MAX_BATCH_SIZE, DecodingError, classify


class FakeTransport:
    """Answers in this process, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[InferRequest] = []
        self.questions: list[Question] = []
        self.close_count = 0
        self.max_batch = MAX_BATCH_SIZE
        self.failure: Exception | None = None
        self.answer: Callable[[Sequence[bytes]], dict[str, npt.NDArray[Any]]] = classify
        self.replies: dict[str, Answer] = {"is_server_live": True, "is_server_ready": True}

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

    async def ask(self, question: Question) -> Answer:
        assert question.timeout_s > 0
        self.questions.append(question)
        if self.failure:
            raise self.failure
        if question.method == "is_model_ready":
            return question.model_name == "efficientnet_lite0"
        if question.method == "get_model_config":
            return {"max_batch_size": self.max_batch}
        return self.replies.get(question.method)

    async def close(self) -> None:
        self.close_count += 1

    def asked(self, method: str) -> list[str | None]:
        """The models that this was asked about."""
        return [question.model_name for question in self.questions if question.method == method]
