"""The gRPC transport."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._call import Call
from cronnx._errors import CronnxError
from cronnx._transport import InferRequest

_CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", -1),  # a batch of photographs exceeds the default of 4 MB
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 1000),  # else a server that comes back is ignored for up to two minutes
]

# gRPC reports a channel without a connection as UNAVAILABLE too; its words alone tell it from an answer.
_NO_CONNECTION = re.compile(
    r"(ipv[46]:\S+ )?(failed to connect|errors resolving|dns resolution|socket closed|connection|recvmsg"
    r"|sendmsg|broken pipe|goaway|endpoint|keepalive|transport|stream removed)",
    re.IGNORECASE,
)


class GrpcTransport:
    """Talks to one server over one gRPC channel."""

    def __init__(self, address: str) -> None:
        self._url = f"grpc://{address}"
        self._client = InferenceServerClient(address, channel_args=_CHANNEL_ARGUMENTS)

    def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        call = Call(self._url, request.timeout_s, request.model_name, request.request_id)
        with _translated(call):
            result = self._client.infer(
                request.model_name,
                [_infer_input(name, array) for name, array in request.inputs.items()],
                model_version=request.model_version,
                outputs=[InferRequestedOutput(name) for name in request.outputs],
                request_id=request.request_id,
                client_timeout=request.timeout_s,
            )
            arrays = {name: result.as_numpy(name) for name in request.outputs}
        return {name: array for name, array in arrays.items() if array is not None}

    def is_server_live(self, *, timeout_s: float) -> bool:
        """See `Transport.is_server_live`."""
        with _translated(Call(self._url, timeout_s)):
            return bool(self._client.is_server_live(client_timeout=timeout_s))

    def is_server_ready(self, *, timeout_s: float) -> bool:
        """See `Transport.is_server_ready`."""
        with _translated(Call(self._url, timeout_s)):
            return bool(self._client.is_server_ready(client_timeout=timeout_s))

    def is_model_ready(self, model_name: str, *, timeout_s: float) -> bool:
        """See `Transport.is_model_ready`."""
        with _translated(Call(self._url, timeout_s, model_name)):
            return bool(self._client.is_model_ready(model_name, client_timeout=timeout_s))

    def max_batch_size(self, model_name: str, *, timeout_s: float) -> int:
        """See `Transport.max_batch_size`."""
        with _translated(Call(self._url, timeout_s, model_name)):
            return int(self._client.get_model_config(model_name, client_timeout=timeout_s).config.max_batch_size)

    def close(self) -> None:
        """See `Transport.close`."""
        self._client.close()


def _infer_input(name: str, array: npt.NDArray[Any]) -> InferInput:
    return InferInput(name, array.shape, np_to_triton_dtype(array.dtype)).set_data_from_numpy(array)


@contextmanager
def _translated(call: Call) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # tritonclient lets whatever its parsing raises through
        raise _translate(error, call) from error


def _translate(error: Exception, call: Call) -> CronnxError:
    if not isinstance(error, InferenceServerException) or error.status() is None:
        return call.unreadable(error)
    status, message = error.status().removeprefix("StatusCode."), error.message()
    if status == "UNAVAILABLE" and _NO_CONNECTION.match(message or ""):
        return call.unreachable(message)
    return call.refused(status, message)
