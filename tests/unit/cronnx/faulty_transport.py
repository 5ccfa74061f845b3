"""A transport that fails at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from cronnx import ConnectionFailed, CronnxError, DeadlineExceeded, InvalidInput, NotReady, Overloaded, ServerFault
from cronnx._transports.base import InferRequest
from tests.unit.cronnx.answers import classify
from tests.unit.cronnx.fake_transport import FakeTransport

FAULTS: list[Callable[[str], CronnxError]] = [
    ConnectionFailed,
    NotReady,
    Overloaded,
    DeadlineExceeded,
    InvalidInput,
    ServerFault,
]


class FaultyTransport(FakeTransport):
    """Answers late or with an error. With `is_down` every request fails as if the server had been killed."""

    def __init__(self, *, seed: int, fault_rate: float) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._fault_rate = fault_rate
        self.is_down = False
        self.failures: Counter[bytes] = Counter()
        """The faults of each image that count as failed attempts."""
        self.answered: Counter[bytes] = Counter()

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        (image,) = cast("np.ndarray[Any, Any]", request.inputs["image"])[:, 0].tolist()
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        if self.is_down:
            self.failures[image] += 1
            raise ConnectionFailed("refused")
        if self._random.random() < self._fault_rate:
            fault = self._random.choice(FAULTS)
            self.failures[image] += fault is not Overloaded
            raise fault(f"injected for {image.decode()}")
        self.answered[image] += 1
        return classify([image])
