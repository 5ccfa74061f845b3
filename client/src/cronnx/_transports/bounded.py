"""A bound on the inferences under way at one server."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import ConnectionFailed, DeadlineExceeded, Overloaded
from cronnx._transports.base import InferRequest, ServerRequest, Transport

A = TypeVar("A")

MOST_UNDER_WAY = 128
"""The number of images that a server of this project queues: one client's single images never overflow the queue."""


_GROWTH = 0.1
"""How much one answer raises the bound after a full queue has lowered it."""


class Bounded:
    """Keeps at most 128 inferences under way at one server. The others wait in the client, in their order.

    A full queue halves the bound, and each answer raises it again by 0.1. So several clients share a server without
    keeping it busy with requests that it refuses.
    """

    def __init__(self, transport: Transport, *, most: int = MOST_UNDER_WAY) -> None:
        self._transport = transport
        self._most = most
        self._bound = float(most)
        self._lowered_at = 0.0
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout_s
        if self._under_way < int(self._bound):
            self._under_way += 1
        else:
            await self._turn(request)
        sent_at = loop.time()
        try:
            answer = await self._transport.infer(replace(request, timeout_s=deadline - sent_at))
        except Overloaded:
            if sent_at > self._lowered_at:  # requests that are refused together count once
                self._bound = max(1.0, self._under_way / 2)
                self._lowered_at = loop.time()
            raise
        finally:
            self._leave()
        self._bound = min(self._bound + _GROWTH, float(self._most))
        return answer

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        return await self._transport.send(request)

    async def close(self) -> None:
        """See `Transport.close`."""
        while self._waiting:
            _fail(self._waiting.popleft(), ConnectionFailed("the client was closed before the answer came"))
        await self._transport.close()

    async def _turn(self, request: InferRequest) -> None:
        """Wait until there is room for another inference."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        late = DeadlineExceeded(
            f"no answer within {round(request.timeout_s, 3):g} s: the request waited in the client for earlier ones",
            model_name=request.model_name,
            request_id=request.request_id,
        )
        timer = loop.call_later(request.timeout_s, _fail, turn, late)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn came at the same moment
                self._leave()
            raise
        finally:
            timer.cancel()

    def _leave(self) -> None:
        """End an inference, and give the room to those that have waited longest."""
        self._under_way -= 1
        while self._waiting and self._under_way < int(self._bound):
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)


def _fail(turn: asyncio.Future[None], error: Exception) -> None:
    if not turn.done():
        turn.set_exception(error)
