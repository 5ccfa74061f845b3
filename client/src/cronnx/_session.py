"""Requests with a deadline and retries, on one event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy.typing as npt

from cronnx._errors import CronnxError, InvalidInput
from cronnx._models import check_name
from cronnx._retry import Retrier, Retry, is_transient, never_arrived
from cronnx._tracing import traced
from cronnx._transports.base import InferRequest, Json, ServerApi, ServerRequest, Transport
from cronnx._transports.failover import Failover

A = TypeVar("A")


class Session:
    """A transport with a client's default deadline and retries.

    Every method may raise `InvalidInput` for a name or a timeout that cannot be used, and the `CronnxError` that says
    why there is no answer.
    """

    def __init__(self, transport: Transport, *, timeout_s: float, retry: Retry) -> None:
        self._timeout_s = _checked_timeout(timeout_s)
        self._retrier = Retrier(retry)
        self._transport = transport
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def timeout_s(self, of_call: float | None) -> float:
        """Return the seconds that a call may take: its own, or the client's default if that is None.

        Raises:
            InvalidInput: The time is not a positive number.
        """
        return self._timeout_s if of_call is None else _checked_timeout(of_call)

    def servers(self) -> dict[str, Session]:
        """Return a session for each server, by its address; the address is empty if there is only one."""
        transport = self._open_transport()
        sessions = {}
        for name, each in (transport.transports if isinstance(transport, Failover) else {"": transport}).items():
            sessions[name] = copy(self)
            sessions[name]._transport = each
        return sessions

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """Run a model and return its outputs by name."""
        check_name(request.model_name)
        with traced(request) as trace:

            async def send(left_s: float) -> dict[str, npt.NDArray[Any]]:
                trace.attempts += 1
                sent = replace(request, timeout_s=left_s, headers=trace.headers)
                return await self._open_transport().infer(sent)

            return await self._retrier.run(send, timeout_s=request.timeout_s, may_repeat=self._if_open(is_transient))

    async def check_live(self) -> bool:
        """Return whether the server process answers that it is live.

        Raises:
            CronnxError: There is no answer; the subclass says why.
        """
        return await self._open_transport().send(ServerRequest(lambda api: api.is_server_live(), self._timeout_s))

    async def is_server_live(self) -> bool:
        """Return whether the server process answers; False without an answer."""
        return await self._is_true(lambda api: api.is_server_live())

    async def is_server_ready(self) -> bool:
        """Return whether the server and all its models can infer; False without an answer."""
        return await self._is_true(lambda api: api.is_server_ready())

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:
        """Return whether a model can infer; False without an answer."""
        return await self._is_true(lambda api: api.is_model_ready(model_name, model_version), model_name)

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        """Return a model's inputs, outputs, platform and versions."""
        return await self._query(lambda api: api.model_metadata(model_name, model_version), model_name)

    async def model_config(self, model_name: str, model_version: str = "", *, timeout_s: float | None = None) -> Json:
        """Return the configuration that a loaded model runs with: its file's, or the one that replaces it."""
        return await self._query(lambda api: api.model_config(model_name, model_version), model_name, timeout_s)

    async def model_statistics(self, model_name: str = "") -> Json:
        """Return the statistics of a model, or of all models, in `model_stats`."""
        return await self._query(lambda api: api.model_statistics(model_name), model_name)

    async def repository_index(self) -> list[Json]:
        """Return every version of every model in the repository with its state."""
        return await self._query(lambda api: api.repository_index())

    async def load_model(self, model_name: str, *, config: str | None = None, timeout_s: float | None = None) -> None:
        """Load a model on the session's server and wait until it is ready.

        While the model loads, the previous one keeps answering. A JSON `config` replaces that of the model's file
        until the model is unloaded, a load finds a newer file, or the server stops. See `config` in
        https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md.

        Raises:
            ServerFault: The model cannot be loaded. The previous one keeps serving, except for an ensemble: Triton
                removes that.
        """
        await self._command(lambda api: api.load_model(model_name, config), model_name, timeout_s)

    async def unload_model(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Unload a model on the session's server."""
        await self._command(lambda api: api.unload_model(model_name), model_name, timeout_s)

    async def close(self) -> None:
        """Close the connections. Running requests fail."""
        if not self._is_closed:
            self._is_closed = True
            await self._transport.close()

    async def _query(
        self, call: Callable[[ServerApi], Awaitable[A]], model_name: str = "", timeout_s: float | None = None
    ) -> A:
        check_name(model_name)
        return await self._send(ServerRequest(call, self.timeout_s(timeout_s), model_name), is_transient)

    async def _command(
        self, call: Callable[[ServerApi], Awaitable[None]], model_name: str, timeout_s: float | None
    ) -> None:
        check_name(model_name)
        request = ServerRequest(call, self.timeout_s(timeout_s), model_name)
        await self._send(request, never_arrived)

    async def _is_true(self, call: Callable[[ServerApi], Awaitable[bool]], model_name: str = "") -> bool:
        check_name(model_name)
        transport = self._open_transport()
        try:
            return await transport.send(ServerRequest(call, self._timeout_s, model_name))
        except CronnxError:
            return False

    async def _send(self, request: ServerRequest[A], may_repeat: Callable[[CronnxError], bool]) -> A:
        async def send(left_s: float) -> A:
            return await self._open_transport().send(replace(request, timeout_s=left_s))

        return await self._retrier.run(send, timeout_s=request.timeout_s, may_repeat=self._if_open(may_repeat))

    def _if_open(self, may_repeat: Callable[[CronnxError], bool]) -> Callable[[CronnxError], bool]:
        return lambda error: not self._is_closed and may_repeat(error)

    def _open_transport(self) -> Transport:
        if self._is_closed:
            raise CronnxError("the client is closed: make a new one")
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise CronnxError("the client belongs to the event loop of its first request: make one for this loop")
        return self._transport


def _checked_timeout(timeout_s: float) -> float:
    if not 0 < timeout_s < math.inf:
        raise InvalidInput(f"timeout_s: expected a positive number of seconds, got {timeout_s}")
    return timeout_s
