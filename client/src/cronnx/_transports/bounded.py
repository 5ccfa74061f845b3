"""A bound on the inferences under way at one server."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import ConnectionFailed, DeadlineExceeded
from cronnx._transports.base import InferRequest, ServerRequest, Transport

A = TypeVar("A")

MOST_UNDER_WAY = 128
"""The number of images that a server of this project queues: one client's single images never overflow the queue."""


class Bounded:
    """Keeps at most 128 inferences under way at one server. The others wait in the client, in their order."""

    def __init__(self, transport: Transport, *, most: int = MOST_UNDER_WAY) -> None:
        self._transport = transport
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout_s
        if self._free:
            self._free -= 1
        else:
            await self._turn(request)
        try:
            return await self._transport.infer(replace(request, timeout_s=deadline - loop.time()))
        finally:
            self._leave()

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        return await self._transport.send(request)

    async def close(self) -> None:
        """See `Transport.close`."""
        while self._waiting:
            _fail(self._waiting.popleft(), ConnectionFailed("the client was closed before the answer came"))
        await self._transport.close()

    async def _turn(self, request: InferRequest) -> None:
        """Wait until another inference ends."""
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
        """Give the place of an inference that has ended to the one that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _fail(turn: asyncio.Future[None], error: Exception) -> None:
    if not turn.done():
        turn.set_exception(error)
