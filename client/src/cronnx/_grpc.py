"""The gRPC transport."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import grpc
import numpy.typing as npt
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._address import Address
from cronnx._call import Call
from cronnx._errors import CronnxError
from cronnx._spurious_wakeups import ignore_spurious_wakeups
from cronnx._tls import Tls
from cronnx._transport import Answer, InferRequest, Question, SharedTensor, Tensor

_CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", -1),  # a batch of photographs exceeds the default of 4 MB
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 1000),  # else a server that comes back is ignored for up to two minutes
]

# gRPC reports a channel without a connection as UNAVAILABLE too; its words alone tell it from an answer.
_NEVER_CONNECTED = re.compile(
    r"(ipv[46]:\S+ )?(failed to connect|errors resolving|dns resolution|endpoint)", re.IGNORECASE
)
_NO_CONNECTION = re.compile(
    r"(ipv[46]:\S+ )?(socket closed|connection|recvmsg|sendmsg|broken pipe|goaway|keepalive|transport|stream removed)",
    re.IGNORECASE,
)

# A proxy whose server went away cuts the answer off; gRPC makes an UNKNOWN or INTERNAL of it.
_CUT_OFF = re.compile(r"(ipv[46]:\S+ )?(stream removed|received rst_stream)", re.IGNORECASE)

# Where gRPC's answers have the content of HTTP's.
_CONTENT = {
    "get_model_config": "config",
    "get_model_repository_index": "models",
}


class GrpcTransport:
    """Talks to one server over one gRPC channel."""

    def __init__(self, address: Address, *, headers: Mapping[str, str], tls: Tls) -> None:
        self._url = str(address)
        self._address = address
        self._headers = {name.lower(): value for name, value in headers.items()}  # HTTP/2 knows no other
        self._tls = tls
        self._client: InferenceServerClient | None = None
        self._is_closed = False

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        call = Call(self._url, request.timeout_s, request.model_name, request.request_id)
        with self._translated(call):
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

    async def ask(self, question: Question) -> Answer:
        """See `Transport.ask`."""
        method = question.method
        as_json = {"as_json": True} if method.startswith("get_") else {}
        with self._translated(Call(self._url, question.timeout_s, question.model_name)):
            answer = await getattr(self._open_client(), method)(
                **question.arguments, **as_json, headers=self._headers, client_timeout=question.timeout_s
            )
            return answer.get(_CONTENT[method], []) if method in _CONTENT else answer

    async def close(self) -> None:
        """See `Transport.close`."""
        self._is_closed = True
        if self._client:
            await self._client.close()

    def _open_client(self) -> InferenceServerClient:
        # Not before: a channel belongs to the event loop that it is made in.
        if self._client is None:
            ignore_spurious_wakeups(asyncio.get_running_loop())
            self._client = InferenceServerClient(
                self._address.host_port, channel_args=_CHANNEL_ARGUMENTS, creds=self._credentials()
            )
        return self._client

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if not self._address.is_encrypted:
            return None
        key, certificate = self._tls.identity() or (None, None)
        return grpc.ssl_channel_credentials(self._tls.authorities(), key, certificate)

    @contextmanager
    def _translated(self, call: Call) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            if self._is_closed:  # a channel that closes cancels its calls, not their tasks
                raise call.closed() from None
            raise
        except Exception as error:  # tritonclient lets whatever its parsing raises through
            raise _translate(error, call) from error


def _infer_input(name: str, tensor: Tensor) -> InferInput:
    if isinstance(tensor, SharedTensor):
        described = InferInput(name, tensor.shape, tensor.datatype)
        return described.set_shared_memory(tensor.region, tensor.byte_size, tensor.offset)
    return InferInput(name, tensor.shape, np_to_triton_dtype(tensor.dtype)).set_data_from_numpy(tensor)


@lru_cache(maxsize=64)
def _requested_outputs(names: tuple[str, ...] | None) -> list[InferRequestedOutput] | None:
    return None if names is None else [InferRequestedOutput(name) for name in names]


def _translate(error: Exception, call: Call) -> CronnxError:
    if not isinstance(error, InferenceServerException) or error.status() is None:
        return call.unreadable(error)
    status, message = error.status().removeprefix("StatusCode."), error.message()
    if status == "UNAVAILABLE" and _NEVER_CONNECTED.match(message or ""):
        return call.unreachable(message, request_sent=False)
    if status == "UNAVAILABLE" and _NO_CONNECTION.match(message or ""):
        return call.unreachable(message, request_sent=True)
    if status in ("UNKNOWN", "INTERNAL") and _CUT_OFF.match(message or ""):
        return call.unreachable(message, request_sent=True)
    return call.refused(status, message)
