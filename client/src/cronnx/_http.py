"""The HTTP transport."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import aiohttp
import numpy.typing as npt
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._address import Address
from cronnx._call import Call
from cronnx._errors import CronnxError
from cronnx._tls import Tls
from cronnx._transport import Answer, InferRequest, Question, SharedTensor, Tensor

T = TypeVar("T")

# By gRPC's names, as Triton itself maps them; 401, 408, 413, 429, 502 and 504 come from what stands before it.
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class HttpTransport:
    """Talks to one server over pooled HTTP connections."""

    def __init__(self, address: Address, *, headers: Mapping[str, str], tls: Tls) -> None:
        self._url = str(address)
        self._address = address
        # aiohttp would offer compression, and Triton would spend its time on it.
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._tls = tls
        self._client: InferenceServerClient | None = None
        self._is_closed = False

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        call = Call(self._url, request.timeout_s, request.model_name, request.request_id)
        return await self._answered(self._infer(request), call)

    async def _infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        result = await self._open_client().infer(
            request.model_name,
            [_infer_input(name, tensor) for name, tensor in request.inputs.items()],
            model_version=request.model_version,
            outputs=_requested_outputs(request.outputs),
            request_id=request.request_id,
            headers={**self._headers, **request.headers},
        )
        return {output["name"]: result.as_numpy(output["name"]) for output in result.get_response()["outputs"]}

    async def ask(self, question: Question) -> Answer:
        """See `Transport.ask`."""
        return await self._answered(self._ask(question), Call(self._url, question.timeout_s, question.model_name))

    async def _ask(self, question: Question) -> Answer:
        method = getattr(self._open_client(), question.method)
        return await method(**question.arguments, headers=dict(self._headers))

    async def close(self) -> None:
        """See `Transport.close`."""
        self._is_closed = True
        if self._client:
            await self._client.close()

    async def _answered(self, answer: Awaitable[T], call: Call) -> T:
        try:
            return await asyncio.wait_for(answer, call.timeout_s)
        except Exception as error:  # tritonclient lets whatever its parsing raises through
            if self._is_closed:
                raise call.closed() from None
            raise _translate(error, call) from error

    def _open_client(self) -> InferenceServerClient:
        # Not before: an HTTP session belongs to the event loop that it is made in.
        if self._client is None:
            self._client = InferenceServerClient(
                self._address.host_port,
                conn_limit=0,  # how many requests are under way is the caller's choice
                conn_timeout=None,  # the call's deadline alone counts
                ssl=self._address.is_encrypted,
                ssl_context=self._tls.ssl_context() if self._address.is_encrypted else None,
            )
            # aiohttp complains loudly of a session that is collected unclosed; its public close needs the loop.
            weakref.finalize(self, self._client._conn._close)
        return self._client


def _infer_input(name: str, tensor: Tensor) -> InferInput:
    shape = list(tensor.shape)
    if isinstance(tensor, SharedTensor):
        described = InferInput(name, shape, tensor.datatype)
        return described.set_shared_memory(tensor.region, tensor.byte_size, tensor.offset)
    return InferInput(name, shape, np_to_triton_dtype(tensor.dtype)).set_data_from_numpy(tensor, binary_data=True)


@lru_cache(maxsize=64)
def _requested_outputs(names: tuple[str, ...] | None) -> list[InferRequestedOutput] | None:
    return None if names is None else [InferRequestedOutput(name, binary_data=True) for name in names]


def _translate(error: Exception, call: Call) -> CronnxError:
    if isinstance(error, InferenceServerException) and error.status() is not None:
        return call.refused(_STATUS_NAMES.get(int(error.status()), f"HTTP {error.status()}"), error.message())
    if isinstance(error, asyncio.TimeoutError):
        return call.timed_out()
    if isinstance(error, aiohttp.ClientResponseError):  # not HTTP, or not to be followed
        return call.unreadable(error)
    if isinstance(error, aiohttp.ClientError | OSError):
        reason = getattr(error, "os_error", error)  # aiohttp's own text speaks of TLS where there is none
        return call.unreachable(reason, request_sent=not isinstance(error, aiohttp.ClientConnectorError))
    return call.unreadable(error)
