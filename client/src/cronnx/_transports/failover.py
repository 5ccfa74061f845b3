"""Several servers as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import ConnectionFailed, CronnxError, DeadlineExceeded, NotReady
from cronnx._transports.base import InferRequest, ServerRequest, Transport

A = TypeVar("A")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(eq=False)
class _Server:
    """One server and what is known about it. Times are the clock's, in seconds.

    Attributes:
        transport: Carries requests to the server.
        is_up: Whether the server has answered and not failed since.
        answered_at: When the last answer came.
        failures: How often the server has failed since it last answered a request.
        failed_at: When the last failure was.
        check: The running check, if any.
    """

    transport: Transport
    is_up: bool = False
    answered_at: float = 0.0
    failures: int = 0
    failed_at: float = 0.0
    check: asyncio.Task[None] | None = None

    @property
    def retry_at(self) -> float:
        """When the server may be checked again."""
        if not self.failures:
            return self.failed_at
        return self.failed_at + min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), _LONGEST_PAUSE_S)

    def succeeded(self, now: float) -> None:
        self.is_up = True
        self.answered_at = now

    def failed(self, now: float) -> None:
        if self.is_up or now >= self.retry_at:  # requests that fail together count once
            self.failures += 1
        self.is_up = False
        self.failed_at = now


class Failover:
    """Distributes requests over several servers, round robin.

    A server gets requests after it has answered a check: the question whether it is live. No request waits for a check
    while another server is up. A request that finds a server unreachable or not ready goes to the next server at once.
    If a server with requests under way is silent for 1 s, it is checked; if it does not answer that either, its
    requests go to a server that is up.

    A server that failed is skipped for 0.5 s and then checked. The pause doubles with each further failure, up to 30 s.
    If all servers are skipped, the request goes to the one that failed first.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        *,
        names: Sequence[str] = (),
        check_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Distribute over these servers.

        Args:
            transports: One transport for each server.
            names: Their addresses; numbers if there are none.
            check_s: How long a server may be silent before it is checked, and the longest wait for a check's answer.
            clock: Returns the time, in seconds.
        """
        self.names = names or [f"server {number}" for number in range(1, len(transports) + 1)]
        self._servers = [_Server(transport) for transport in transports]
        self._check_s = check_s
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
        return await self._to_one(
            lambda transport, left_s: transport.send(replace(request, timeout_s=left_s)), request.timeout_s
        )

    async def close(self) -> None:
        """See `Transport.close`."""
        checks = [server.check for server in self._servers if server.check]
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)
        for server in self._servers:
            await server.transport.close()

    async def _to_one(self, send: Callable[[Transport, float], Awaitable[A]], timeout_s: float) -> A:
        deadline = self._clock() + timeout_s
        self._next = (self._next + 1) % len(self._servers)
        untried = self._servers[self._next :] + self._servers[: self._next]
        server = await self._first(untried, timeout_s)
        while True:
            untried.remove(server)
            try:
                return await self._recorded(
                    server, self._watched(server, send(server.transport, deadline - self._clock()))
                )
            except (ConnectionFailed, NotReady):
                following = await self._up(untried, deadline - self._clock())
                if following is None or self._clock() >= deadline:
                    raise
                server = following

    async def _first(self, servers: Sequence[_Server], left_s: float) -> _Server:
        """Return the server to try first: one that is up, or without one the server that failed first."""
        return await self._up(servers, left_s) or min(servers, key=lambda server: server.failed_at)

    async def _up(self, servers: Sequence[_Server], left_s: float) -> _Server | None:
        """Return the first server that is up. Without one, wait for the checks, at most for half of the time left."""
        now = self._clock()
        checks = [self._check(server) for server in servers if not server.is_up and now >= server.retry_at]
        until = now + left_s / 2
        while not (up := next((server for server in servers if server.is_up), None)):
            running = [check for check in checks if not check.done()]
            if not running or self._clock() >= until:
                return None
            await asyncio.wait(running, timeout=until - self._clock(), return_when=asyncio.FIRST_COMPLETED)
        return up

    def _check(self, server: _Server) -> asyncio.Task[None]:
        """Return the server's running check, or start one."""
        if server.check is None or server.check.done():
            server.check = asyncio.create_task(self._ask_whether_live(server))
        return server.check

    async def _ask_whether_live(self, server: _Server) -> None:
        try:
            await server.transport.send(ServerRequest(lambda api: api.is_server_live(), self._check_s))
        except (ConnectionFailed, DeadlineExceeded):
            server.failed(self._clock())
            return
        except CronnxError:
            pass  # any answer shows that somebody is there, a refusal too
        server.succeeded(self._clock())

    async def _watched(self, server: _Server, answer: Awaitable[A]) -> A:
        """Await an answer, but leave a server that has fallen silent if another one is up."""
        task = asyncio.ensure_future(answer)
        try:
            while not (await asyncio.wait({task}, timeout=self._check_s))[0]:
                if self._clock() - server.answered_at < self._check_s:
                    continue
                await asyncio.wait({task, self._check(server)}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done() and not server.is_up and any(other.is_up for other in self._servers):
                    raise ConnectionFailed("the server does not answer, not even whether it is live")
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _recorded(self, server: _Server, answer: Awaitable[A]) -> A:
        """Await an answer, and remember whether the server failed."""
        try:
            result = await answer
        except (ConnectionFailed, NotReady, DeadlineExceeded):
            server.failed(self._clock())
            raise
        except CronnxError:
            server.succeeded(self._clock())
            raise
        server.succeeded(self._clock())
        server.failures = 0
        return result
