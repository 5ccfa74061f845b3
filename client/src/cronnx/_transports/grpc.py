"""The gRPC transport."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar
from urllib.request import proxy_bypass

import grpc
import numpy.typing as npt
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._config import Tls
from cronnx._errors import CronnxError
from cronnx._transports.base import CONNECT_TIMEOUT_S, InferRequest, ServerRequest, SharedTensor, Tensor
from cronnx._transports.connection import Address
from cronnx._transports.refusals import RequestContext
from cronnx._transports.triton import TritonApi

A = TypeVar("A")

_CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", -1),  # a batch of photographs exceeds the default of 4 MB
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 1000),  # by default a restarted server is ignored for up to two minutes
    ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_S * 1000),  # in spite of its name, the limit of one connection
]
_NO_PROXY = ("grpc.enable_http_proxy", 0)

# gRPC reports a missing connection as UNAVAILABLE, as Triton reports a model that is not ready. Only the message tells
# them apart; client/pyproject.toml says for which versions these phrases hold.
_NEVER_CONNECTED = re.compile(
    r"(ipv[46]:\S+ )?(failed to connect|errors resolving|dns resolution|endpoint)", re.IGNORECASE
)
_CONNECTION_LOST = re.compile(
    r"(ipv[46]:\S+ )?(socket closed|connection|recvmsg|sendmsg|broken pipe|goaway|keepalive|transport|stream removed)",
    re.IGNORECASE,
)

# A proxy whose server went away cuts the answer off, which gRPC reports as UNKNOWN or INTERNAL.
_CUT_OFF = re.compile(r"(ipv[46]:\S+ )?(stream removed|received rst_stream)", re.IGNORECASE)


_first_process_id: list[int] = []  # the process that used gRPC first; forked processes inherit it


class GrpcTransport:
    """Sends requests to one server over one gRPC channel."""

    def __init__(self, address: Address, *, headers: Mapping[str, str], tls: Tls | None) -> None:
        """Prepare; the first request connects.

        Args:
            address: The server.
            headers: Sent with every request.
            tls: The certificates; None for a connection that is not encrypted.
        """
        _check_process()
        self._url = f"{address}{_through_proxy(address)}"
        self._address = address
        self._headers = {name.lower(): value for name, value in headers.items()}  # HTTP/2 requires lower case
        self._tls = tls
        self._client: InferenceServerClient | None = None
        self._is_closed = False

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        context = RequestContext(self._url, request.timeout_s, request.model_name, request.request_id)
        with self._errors_translated(context):
            result = await self._open_client().infer(
                request.model_name,
                [_infer_input(name, tensor) for name, tensor in request.inputs.items()],
                model_version=request.model_version,
                outputs=_requested_outputs(request.outputs),
                request_id=request.request_id,
                client_timeout=request.timeout_s,
                headers={**self._headers, **request.headers},
            )
            return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        with self._errors_translated(RequestContext(self._url, request.timeout_s, request.model_name or None)):
            options = {"headers": self._headers, "client_timeout": request.timeout_s}
            return await request.call(TritonApi(self._open_client(), options, json_options={"as_json": True}))

    async def close(self) -> None:
        """See `Transport.close`."""
        self._is_closed = True
        if self._client:
            await self._client.close()

    def _open_client(self) -> InferenceServerClient:
        # Not in __init__: a channel belongs to the event loop that it is made in.
        if self._client is None:
            _check_process()
            _first_process_id[:] = _first_process_id or [os.getpid()]
            ignore_spurious_wakeups(asyncio.get_running_loop())
            arguments = [*_CHANNEL_ARGUMENTS, *([_NO_PROXY] if self._address.is_loopback else [])]
            self._client = InferenceServerClient(
                self._address.host_port, channel_args=arguments, creds=self._credentials()
            )
        return self._client

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if self._tls is None:
            return None
        key, certificate = self._tls.client_identity() or (None, None)
        return grpc.ssl_channel_credentials(self._tls.trusted_certificates(), key, certificate)

    @contextmanager
    def _errors_translated(self, context: RequestContext) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError as error:
            if self._is_closed:  # closing a channel cancels its calls, but not the tasks that wait for them
                raise context.closed() from error
            raise
        except CronnxError:
            raise
        except Exception as error:  # tritonclient lets errors of its parsers through
            raise translated(error, context) from error


def _check_process() -> None:
    """Refuse a process in which gRPC would never answer.

    gRPC's threads do not survive a fork, and with gevent's in place of Python's they stop the whole process.

    Raises:
        CronnxError: gRPC was used before this process was forked, or gevent has replaced Python's threads.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey and monkey.is_module_patched("threading"):
        raise CronnxError("gRPC does not work beside gevent's monkey patching: use an http:// URL")
    if _first_process_id not in ([], [os.getpid()]):
        raise CronnxError(
            "gRPC was used before this process was forked, and does not work here: use an http:// URL, or start this"
            " process with multiprocessing's 'spawn'"
        )


def _through_proxy(address: Address) -> str:
    """Return which proxy of the environment gRPC uses for an address, as an addition to its URL."""
    if address.is_loopback or proxy_bypass(address.host):
        return ""
    used = (name for name in ("grpc_proxy", "https_proxy", "http_proxy") if os.environ.get(name))
    return "".join(f" (through the proxy of {name}; no_proxy avoids it)" for name in islice(used, 1))


def _infer_input(name: str, tensor: Tensor) -> InferInput:
    if isinstance(tensor, SharedTensor):
        described = InferInput(name, tensor.shape, tensor.datatype)
        return described.set_shared_memory(tensor.region, tensor.byte_size, tensor.offset)
    return InferInput(name, tensor.shape, np_to_triton_dtype(tensor.dtype)).set_data_from_numpy(tensor)


@lru_cache(maxsize=64)
def _requested_outputs(names: tuple[str, ...] | None) -> list[InferRequestedOutput] | None:
    return None if names is None else [InferRequestedOutput(name) for name in names]


def translated(error: Exception, context: RequestContext) -> CronnxError:
    """Return the `CronnxError` for an exception of tritonclient or grpc."""
    if not isinstance(error, InferenceServerException) or error.status() is None:
        return context.unreadable(error)
    status, message = error.status().removeprefix("StatusCode."), error.message()
    if status == "UNAVAILABLE" and _NEVER_CONNECTED.match(message or ""):
        return context.unreachable(message, request_sent=False)
    if status == "UNAVAILABLE" and _CONNECTION_LOST.match(message or ""):
        return context.unreachable(message, request_sent=True)
    if status in ("UNKNOWN", "INTERNAL") and _CUT_OFF.match(message or ""):
        return context.unreachable(message, request_sent=True)
    return context.refused(status, message)


def ignore_spurious_wakeups(loop: asyncio.AbstractEventLoop) -> None:
    """Keep an event loop from logging gRPC's harmless errors; other errors are handled as before.

    All event loops of a process share one queue of completed gRPC calls, and each completion wakes every loop. One
    loop handles it; each other loop logs a `BlockingIOError` with a traceback
    (https://github.com/grpc/grpc/issues/25364). A completion for a closed loop is logged by another loop.
    """
    previous = loop.get_exception_handler()
    if not isinstance(previous, _WakeupFilter):
        loop.set_exception_handler(_WakeupFilter(previous))


class _WakeupFilter:
    def __init__(self, previous: Any) -> None:  # noqa: ANN401 - asyncio's type of handlers is private
        self._previous = previous

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if _is_spurious(context.get("exception")) and "PollerCompletionQueue" in repr(context.get("handle")):
            return
        if self._previous:
            self._previous(loop, context)
        else:
            loop.default_exception_handler(context)


def _is_spurious(error: object) -> bool:
    return isinstance(error, BlockingIOError) or str(error) == "Event loop is closed"
