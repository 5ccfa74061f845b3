"""Requests over a transport, sent again where that is safe."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from cronnx._errors import CronnxError, InvalidInput
from cronnx._models import check_name
from cronnx._retry import Attempts, Retry, is_transient, never_arrived
from cronnx._tracing import traced
from cronnx._transport import Answer, InferRequest, Question, Transport

_NONE: Mapping[str, str] = MappingProxyType({})


class Session:
    """What a client's calls have in common: a transport, a default deadline and retries, on one event loop."""

    def __init__(self, transport: Transport, *, timeout_s: float, retry: Retry) -> None:
        self._timeout_s = _checked_timeout(timeout_s)
        self._attempts = Attempts(retry)
        self._transport = transport
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def timeout_s(self, of_call: float | None) -> float:
        """The seconds a call may take.

        Raises:
            InvalidInput: Not a positive number.
        """
        return self._timeout_s if of_call is None else _checked_timeout(of_call)

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        check_name(request.model_name)
        with traced(request) as call:

            async def send(left_s: float) -> dict[str, npt.NDArray[Any]]:
                call.attempts += 1
                sent = replace(request, timeout_s=left_s, headers=call.headers)
                return await self._open_transport().infer(sent)

            return await self._attempts.run(send, timeout_s=request.timeout_s, may_repeat=self._open_and(is_transient))

    async def ask(self, method: str, arguments: Mapping[str, str] = _NONE, *, timeout_s: float | None = None) -> Answer:
        """Put a `Question`; see `Transport.ask`."""
        check_name(arguments.get("model_name", ""))
        question = Question(method, self.timeout_s(timeout_s), arguments)

        async def send(left_s: float) -> Answer:
            return await self._open_transport().ask(replace(question, timeout_s=left_s))

        may_repeat = self._open_and(never_arrived if question.is_command else is_transient)
        return await self._attempts.run(send, timeout_s=question.timeout_s, may_repeat=may_repeat)

    async def is_yes(self, method: str, arguments: Mapping[str, str] = _NONE) -> bool:
        """Put a question once; no answer is a no."""
        check_name(arguments.get("model_name", ""))
        transport = self._open_transport()
        try:
            return bool(await transport.ask(Question(method, self._timeout_s, arguments)))
        except CronnxError:
            return False

    async def close(self) -> None:
        """Drop the connections; requests under way fail."""
        if not self._is_closed:
            self._is_closed = True
            await self._transport.close()

    def _open_and(self, may_repeat: Callable[[CronnxError], bool]) -> Callable[[CronnxError], bool]:
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
        raise InvalidInput(f"timeout_s is {timeout_s}, expected a positive number of seconds")
    return timeout_s
