"""Callers of a server, for Locust's users, each with a connection of its own; what fails is not sent again.

Locust runs its users on gevent. tritonclient's HTTP is written for it. Its gRPC is not, and would hold up all users
while one waits; gRPC's own remedy, `grpc.experimental.gevent`, hangs for good where only one user asks (grpcio 1.85).
So each gRPC caller waits in a thread of its own, and the clock runs there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gevent.threadpool import ThreadPool
from tritonclient import grpc, http

from cronnx_lab.loadtest.questions import Question
from cronnx_lab.loadtest.targets import Target

TIMEOUT_S = 30.0
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


@dataclass(frozen=True)
class Outcome:
    """An answer's `served_by`, or the error there was instead; and how long it took."""

    latency_ms: float
    served_by: str | None = None
    error: Exception | None = None


class Caller(Protocol):
    """One user's connection."""

    def ask(self, question: Question) -> Outcome:
        """Send a question and wait for its outcome; raises nothing."""

    def close(self) -> None:
        """Drop the connection."""


class HttpCaller:
    """By HTTP."""

    def __init__(self, host_port: str) -> None:
        self._client = http.InferenceServerClient(
            host_port, concurrency=1, connection_timeout=TIMEOUT_S, network_timeout=TIMEOUT_S
        )

    def ask(self, question: Question) -> Outcome:
        """As `Caller`."""
        return _timed(lambda: self._client.infer(question.model_name, _inputs(http.InferInput, question)))

    def close(self) -> None:
        """As `Caller`."""
        self._client.close()


class GrpcCaller:
    """By gRPC."""

    def __init__(self, host_port: str) -> None:
        self._client = grpc.InferenceServerClient(host_port, channel_args=OWN_CONNECTION)
        self._thread = ThreadPool(1)

    def ask(self, question: Question) -> Outcome:
        """As `Caller`."""

        def infer() -> Any:  # noqa: ANN401 - tritonclient is untyped
            inputs = _inputs(grpc.InferInput, question)
            return self._client.infer(question.model_name, inputs, client_timeout=TIMEOUT_S)

        outcome: Outcome = self._thread.apply(_timed, (infer,))
        return outcome

    def close(self) -> None:
        """As `Caller`."""
        self._client.close()
        self._thread.kill()


CALLERS: dict[str, Callable[[str], Caller]] = {"grpc": GrpcCaller, "http": HttpCaller}


def caller(target: Target) -> Caller:
    """A new connection; it is made with the first question."""
    return CALLERS[target.protocol](target.host_port)


def _inputs(infer_input: Any, question: Question) -> list[Any]:  # noqa: ANN401 - tritonclient is untyped
    given = {"image": question.image, "user_id": question.user_id}
    inputs = []
    for name, value in given.items():
        if value is not None:
            tensor = infer_input(name, [1, 1], "BYTES")
            inputs.append(tensor.set_data_from_numpy(np.array([[value]], dtype=object)))
    return inputs


def _timed(infer: Callable[[], Any]) -> Outcome:
    started_at = time.perf_counter()
    try:
        answer = infer()
        latency_ms = 1000 * (time.perf_counter() - started_at)
        return Outcome(latency_ms, served_by=answer.as_numpy("served_by").item().decode())
    except Exception as error:  # noqa: BLE001 - whatever it is, this request has failed
        return Outcome(1000 * (time.perf_counter() - started_at), error=error)
