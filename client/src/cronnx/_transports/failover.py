"""Several servers as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import ConnectionFailed, DeadlineExceeded, NotReady
from cronnx._transports.base import InferRequest, ServerRequest, Transport

A = TypeVar("A")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass
class _Server:
    transport: Transport
    failures: int = 0
    failed_at: float = 0.0

    @property
    def retry_at(self) -> float:
        return self.failed_at + min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), _LONGEST_PAUSE_S)


class Failover:
    """Distributes requests over several servers, round robin.

    A server that cannot be reached, is not ready or does not answer by the deadline is skipped for 0.5 s. The pause
    doubles with each further failure, up to 30 s. A request that finds a server unreachable or not ready goes to the
    next server at once. If all servers are paused, the request goes to the one that failed first. Commands go to all
    servers.
    """

    def __init__(
        self, transports: Sequence[Transport], *, names: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Distribute over these servers; `names` are their addresses, numbers if there are none."""
        self.names = names or [f"server {number}" for number in range(1, len(transports) + 1)]
        self._servers = [_Server(transport) for transport in transports]
        self._clock = clock
        self._next = 0

    @property
    def transports(self) -> dict[str, Transport]:
        """The servers by name."""
        return {name: server.transport for name, server in zip(self.names, self._servers, strict=True)}

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        return await self._to_one(
            lambda transport, left_s: transport.infer(replace(request, timeout_s=left_s)), request.timeout_s
        )

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        if request.is_command:
            return await self._to_all(request)
        return await self._to_one(
            lambda transport, left_s: transport.send(replace(request, timeout_s=left_s)), request.timeout_s
        )

    async def close(self) -> None:
        """See `Transport.close`."""
        for server in self._servers:
            await server.transport.close()

    async def _to_one(self, send: Callable[[Transport, float], Awaitable[A]], timeout_s: float) -> A:
        deadline = self._clock() + timeout_s
        *others, last = self._candidates()
        for server in others:
            try:
                return await self._recorded(server, send(server.transport, deadline - self._clock()))
            except (ConnectionFailed, NotReady):
                if self._clock() >= deadline:
                    raise
        return await self._recorded(last, send(last.transport, deadline - self._clock()))

    async def _to_all(self, command: ServerRequest[A]) -> A:
        answers = (self._recorded(server, server.transport.send(command)) for server in self._servers)
        results = await asyncio.gather(*answers, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if isinstance(error, ConnectionFailed) and len(errors) < len(results):
                error.request_sent = True  # another server has received the command: it must not be repeated
            raise error
        return next(result for result in results if not isinstance(result, BaseException))

    def _candidates(self) -> list[_Server]:
        """Return at least one server, in the order to try them."""
        self._next = (self._next + 1) % len(self._servers)
        rotated = self._servers[self._next :] + self._servers[: self._next]
        now = self._clock()
        available = [server for server in rotated if not server.failures or server.retry_at <= now]
        return available or [min(rotated, key=lambda server: server.failed_at)]

    async def _recorded(self, server: _Server, answer: Awaitable[A]) -> A:
        """Await an answer, and remember whether the server failed."""
        try:
            result = await answer
        except (ConnectionFailed, NotReady, DeadlineExceeded):
            server.failures += 1
            server.failed_at = self._clock()
            raise
        server.failures = 0
        return result
