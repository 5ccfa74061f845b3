"""Connections to a server for Locust's users: one per user. A failed request is not repeated.

Locust runs its users on gevent. tritonclient's HTTP client is made for gevent. Its gRPC client is not: one waiting
user would block all others. gRPC's own remedy, `grpc.experimental.gevent`, hangs when a single user sends requests
(grpcio 1.85). So each gRPC connection waits in a thread of its own, and the clock runs in that thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gevent.threadpool import ThreadPool
from tritonclient import grpc, http

from cronnx_lab.address import Address
from cronnx_lab.loadtest.requests import ImageRequest

TIMEOUT_S = 30.0
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


@dataclass(frozen=True)
class Answer:
    """The result of one request.

    Attributes:
        latency_ms: The time from sending to the answer or the error.
        served_by: The version that answered; None if the request failed.
        error: Why the request failed; None if it was answered.
    """

    latency_ms: float
    served_by: str | None = None
    error: Exception | None = None


class Connection(Protocol):
    """The connection of one user; it opens with the first request."""

    def send(self, request: ImageRequest) -> Answer:
        """Send a request and wait for its answer; errors are part of the answer."""

    def close(self) -> None:
        """Close the connection."""


class HttpConnection:
    """A connection over HTTP."""

    def __init__(self, host_port: str) -> None:
        self._client = http.InferenceServerClient(
            host_port, concurrency=1, connection_timeout=TIMEOUT_S, network_timeout=TIMEOUT_S
        )

    def send(self, request: ImageRequest) -> Answer:
        """See `Connection`."""
        return _timed(lambda: self._client.infer(request.model_name, _inputs(http.InferInput, request)))

    def close(self) -> None:
        """See `Connection`."""
        self._client.close()


class GrpcConnection:
    """A connection over gRPC, with a thread that waits for the answers."""

    def __init__(self, host_port: str) -> None:
        self._client = grpc.InferenceServerClient(host_port, channel_args=OWN_CONNECTION)
        self._thread = ThreadPool(1)

    def send(self, request: ImageRequest) -> Answer:
        """See `Connection`."""

        def infer() -> Any:  # noqa: ANN401 - tritonclient is untyped
            inputs = _inputs(grpc.InferInput, request)
            return self._client.infer(request.model_name, inputs, client_timeout=TIMEOUT_S)

        answer: Answer = self._thread.apply(_timed, (infer,))
        return answer

    def close(self) -> None:
        """See `Connection`."""
        self._client.close()
        self._thread.kill()


CONNECTIONS: dict[str, Callable[[str], Connection]] = {"grpc": GrpcConnection, "http": HttpConnection}


def connect(address: Address) -> Connection:
    """Prepare a connection to a server."""
    return CONNECTIONS[address.protocol](address.host_port)


def _inputs(infer_input: Any, request: ImageRequest) -> list[Any]:  # noqa: ANN401 - tritonclient is untyped
    values = {"image": request.image, "user_id": request.user_id}
    inputs = []
    for name, value in values.items():
        if value is not None:
            tensor = infer_input(name, [1, 1], "BYTES")
            inputs.append(tensor.set_data_from_numpy(np.array([[value]], dtype=object)))
    return inputs


def _timed(infer: Callable[[], Any]) -> Answer:
    started_at = time.perf_counter()
    try:
        answer = infer()
        latency_ms = 1000 * (time.perf_counter() - started_at)
        return Answer(latency_ms, served_by=answer.as_numpy("served_by").item().decode())
    except Exception as error:  # noqa: BLE001 - every error is a failed request
        return Answer(1000 * (time.perf_counter() - started_at), error=error)
