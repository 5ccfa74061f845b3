"""The HTTP transport.

Built on tritonclient's asyncio client: its synchronous one is bound to the thread that made it, and leaves
a gevent hub, with its file descriptors, behind in every thread that ends.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import aiohttp
import numpy.typing as npt
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from cronnx._call import Call
from cronnx._errors import CronnxError
from cronnx._event_loop import EventLoopThread
from cronnx._transport import InferRequest

T = TypeVar("T")

# By gRPC's names, as Triton itself maps them; 408, 429 and 504 come from what stands before it.
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class HttpTransport:
    """Talks to one server over pooled HTTP connections."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}"
        # No timeout of the connection's own, so that the call's deadline alone counts.
        open_client = partial(InferenceServerClient, address, conn_timeout=None)
        self._event_loop = EventLoopThread("cronnx-http", open_client)
        self._client = self._event_loop.resource

    def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        call = Call(self._url, request.timeout_s, request.model_name, request.request_id)
        return self._run(self._infer(request), call)

    async def _infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        result = await self._client.infer(
            request.model_name,
            [_infer_input(name, array) for name, array in request.inputs.items()],
            model_version=request.model_version,
            outputs=[InferRequestedOutput(name, binary_data=True) for name in request.outputs],
            request_id=request.request_id,
            headers=_headers(),
        )
        arrays = {name: result.as_numpy(name) for name in request.outputs}
        return {name: array for name, array in arrays.items() if array is not None}

    def is_server_live(self, *, timeout_s: float) -> bool:
        """See `Transport.is_server_live`."""
        return bool(self._run(self._client.is_server_live(headers=_headers()), Call(self._url, timeout_s)))

    def is_server_ready(self, *, timeout_s: float) -> bool:
        """See `Transport.is_server_ready`."""
        return bool(self._run(self._client.is_server_ready(headers=_headers()), Call(self._url, timeout_s)))

    def is_model_ready(self, model_name: str, *, timeout_s: float) -> bool:
        """See `Transport.is_model_ready`."""
        call = Call(self._url, timeout_s, model_name)
        return bool(self._run(self._client.is_model_ready(model_name, headers=_headers()), call))

    def max_batch_size(self, model_name: str, *, timeout_s: float) -> int:
        """See `Transport.max_batch_size`."""
        return self._run(self._max_batch_size(model_name), Call(self._url, timeout_s, model_name))

    async def _max_batch_size(self, model_name: str) -> int:
        model_config = await self._client.get_model_config(model_name, headers=_headers())
        return int(model_config["max_batch_size"])

    def close(self) -> None:
        """See `Transport.close`."""
        self._event_loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T], call: Call) -> T:
        try:
            return self._event_loop.run(coroutine, timeout_s=call.timeout_s)
        except Exception as error:  # tritonclient lets whatever its parsing raises through
            raise _translate(error, call) from error


def _infer_input(name: str, array: npt.NDArray[Any]) -> InferInput:
    tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array, binary_data=True)


def _headers() -> dict[str, str]:
    # aiohttp would offer compression, and Triton would spend its time on it. Tritonclient adds to the dict.
    return {"Accept-Encoding": "identity"}


def _translate(error: Exception, call: Call) -> CronnxError:
    if isinstance(error, InferenceServerException) and error.status() is not None:
        return call.refused(_STATUS_NAMES.get(int(error.status()), f"HTTP {error.status()}"), error.message())
    if isinstance(error, concurrent.futures.TimeoutError):
        return call.timed_out()
    if isinstance(error, concurrent.futures.CancelledError):
        return call.refused("CANCELLED", "the client was closed")
    if isinstance(error, aiohttp.ClientResponseError):  # not HTTP, or not to be followed
        return call.unreadable(error)
    if isinstance(error, aiohttp.ClientError | OSError):
        return call.unreachable(error)
    return call.unreadable(error)
