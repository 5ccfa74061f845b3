"""The HTTP transport."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import aiohttp
import numpy.typing as npt
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._config import Tls
from cronnx._errors import CronnxError
from cronnx._timeout import timeout
from cronnx._transports.base import CONNECT_TIMEOUT_S, InferRequest, ServerRequest, SharedTensor, Tensor
from cronnx._transports.connection import Address
from cronnx._transports.refusals import RequestContext
from cronnx._transports.triton import TritonApi

A = TypeVar("A")

# Triton maps gRPC's statuses to these; a proxy in front of it adds 401, 408, 413, 429, 502 and 504.
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
    """Sends requests to one server over pooled HTTP connections."""

    def __init__(self, address: Address, *, headers: Mapping[str, str], tls: Tls | None) -> None:
        """Prepare; the first request connects.

        Args:
            address: The server.
            headers: Sent with every request.
            tls: The certificates; None for a connection that is not encrypted.
        """
        self._url = str(address)
        self._address = address
        # aiohttp would offer compression, which costs Triton time.
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._tls = tls
        self._client: InferenceServerClient | None = None
        self._is_closed = False

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        context = RequestContext(self._url, request.timeout_s, request.model_name, request.request_id)
        return await self._answer(self._infer(request), context)

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

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        context = RequestContext(self._url, request.timeout_s, request.model_name or None)
        return await self._answer(self._send(request), context)

    async def _send(self, request: ServerRequest[A]) -> A:
        return await request.call(TritonApi(self._open_client(), {"headers": dict(self._headers)}))

    async def close(self) -> None:
        """See `Transport.close`."""
        self._is_closed = True
        if self._client:
            await self._client.close()

    async def _answer(self, answer: Awaitable[A], context: RequestContext) -> A:
        try:
            async with timeout(context.timeout_s):
                return await answer
        except Exception as error:  # tritonclient lets errors of its parsers through
            raise (context.closed() if self._is_closed else translated(error, context)) from error

    def _open_client(self) -> InferenceServerClient:
        # Not in __init__: an aiohttp session belongs to the event loop that it is made in.
        if self._client is None:
            self._client = InferenceServerClient(
                self._address.host_port,
                conn_limit=0,  # `Bounded` decides how many requests run at a time
                ssl=self._tls is not None,
                ssl_context=self._tls.ssl_context() if self._tls else None,
            )
            set_session(self._client)
            weakref.finalize(self, connector_close(self._client))
        return self._client


class RedirectError(Exception):
    """The server answered with a redirect.

    Attributes:
        location: Where it points.
    """

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


async def _refuse_redirect(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await send(request)
    if 300 <= response.status < 400 and "Location" in response.headers:
        response.close()
        raise RedirectError(response.headers["Location"])
    return response


def set_session(client: InferenceServerClient) -> None:
    """Replace a client's session by one that follows no redirect and limits only the time for a connection.

    tritonclient's own would send the key and the headers wherever a redirect points. A request has its own deadline.
    """
    client._stub.detach()
    client._stub = aiohttp.ClientSession(
        connector=client._conn,
        timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S),
        auto_decompress=False,
        middlewares=[_refuse_redirect],
    )


def connector_close(client: InferenceServerClient) -> Callable[[], object]:
    """Return what closes the connections of a client that is collected unclosed.

    aiohttp logs a warning for a session that is collected unclosed, and its public `close` needs the event loop, which
    may be gone. So this relies on private attributes; client/pyproject.toml says for which versions.

    A forked process shares the connections and the event loop's epoll with its parent: there they only count as closed.
    """
    connector, process_id = client._conn, os.getpid()

    def close() -> None:
        if os.getpid() == process_id:
            connector._close()
        else:
            connector._closed = True

    return close


def _infer_input(name: str, tensor: Tensor) -> InferInput:
    shape = list(tensor.shape)
    if isinstance(tensor, SharedTensor):
        described = InferInput(name, shape, tensor.datatype)
        return described.set_shared_memory(tensor.region, tensor.byte_size, tensor.offset)
    return InferInput(name, shape, np_to_triton_dtype(tensor.dtype)).set_data_from_numpy(tensor, binary_data=True)


@lru_cache(maxsize=64)
def _requested_outputs(names: tuple[str, ...] | None) -> list[InferRequestedOutput] | None:
    return None if names is None else [InferRequestedOutput(name, binary_data=True) for name in names]


def translated(error: Exception, context: RequestContext) -> CronnxError:
    """Return the `CronnxError` for an exception of tritonclient or aiohttp."""
    if isinstance(error, InferenceServerException) and error.status() is not None:
        return context.refused(_STATUS_NAMES.get(int(error.status()), f"HTTP {error.status()}"), error.message())
    if isinstance(error, RedirectError):
        return context.redirected(error.location)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return context.unreachable("the connection timed out", request_sent=False)
    if isinstance(error, asyncio.TimeoutError):
        return context.timed_out()
    if isinstance(error, aiohttp.ClientResponseError):
        return context.not_http(error.message)
    if isinstance(error, aiohttp.ClientError | OSError):
        reason = getattr(error, "os_error", error)  # aiohttp's own text mentions TLS even for plain connections
        return context.unreachable(reason, request_sent=not isinstance(error, aiohttp.ClientConnectorError))
    return context.unreadable(error)
