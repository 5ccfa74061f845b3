"""Several servers as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import ConnectionFailed, DeadlineExceeded, NotReady
from cronnx._transport import Answer, InferRequest, Question, Transport

T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass
class _Server:
    transport: Transport
    failures: int = 0
    failed_at: float = 0.0

    @property
    def tried_again_at(self) -> float:
        return self.failed_at + min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), _LONGEST_PAUSE_S)


class Failover:
    """Gives requests to several servers in turn.

    A server that cannot be reached, is not ready or is silent until the deadline is set aside for half a second,
    and for twice as long with every further failure, up to 30 s. A request that finds a server out of reach or
    not ready goes to the next one at once. Where all are set aside, the one that failed first is tried.
    Commands go to all servers.
    """

    def __init__(self, transports: Sequence[Transport], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers = [_Server(transport) for transport in transports]
        self._clock = clock
        self._turn = 0

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        return await self._send(lambda transport, left_s: transport.infer(replace(request, timeout_s=left_s)), request)

    async def ask(self, question: Question) -> Answer:
        """See `Transport.ask`."""
        if question.is_command:
            return await self._command(question)
        return await self._send(lambda transport, left_s: transport.ask(replace(question, timeout_s=left_s)), question)

    async def close(self) -> None:
        """See `Transport.close`."""
        for server in self._servers:
            await server.transport.close()

    async def _send(self, send: Callable[[Transport, float], Awaitable[T]], message: InferRequest | Question) -> T:
        deadline = self._clock() + message.timeout_s
        *others, last = self._candidates()
        for server in others:
            try:
                return await self._watched(server, send(server.transport, deadline - self._clock()))
            except (ConnectionFailed, NotReady):
                if self._clock() >= deadline:
                    raise
        return await self._watched(last, send(last.transport, deadline - self._clock()))

    async def _command(self, question: Question) -> None:
        commands = (self._watched(server, server.transport.ask(question)) for server in self._servers)
        results = await asyncio.gather(*commands, return_exceptions=True)
        refusals = [result for result in results if isinstance(result, BaseException)]
        for refusal in refusals:
            if isinstance(refusal, ConnectionFailed) and len(refusals) < len(results):
                refusal.request_sent = True  # to the others: not to be repeated
            raise refusal

    def _candidates(self) -> list[_Server]:
        """At least one, in the order to try them in."""
        self._turn = (self._turn + 1) % len(self._servers)
        in_turn = self._servers[self._turn :] + self._servers[: self._turn]
        now = self._clock()
        up = [server for server in in_turn if not server.failures or server.tried_again_at <= now]
        return up or [min(in_turn, key=lambda server: server.failed_at)]

    async def _watched(self, server: _Server, answer: Awaitable[T]) -> T:
        try:
            result = await answer
        except (ConnectionFailed, NotReady, DeadlineExceeded):
            server.failures += 1
            server.failed_at = self._clock()
            raise
        server.failures = 0
        return result
