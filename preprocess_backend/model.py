"""The Triton backend `preprocess`: requests in, responses out. What lies between is cronnx_preprocess."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from cronnx_preprocess import (
    FULL,
    CancelledError,
    Entry,
    InvalidImageError,
    Options,
    Outcome,
    OverloadError,
    Payloads,
    Preprocessor,
    Queue,
)


class TritonPythonModel:
    """A model whose every setting is in its config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model's config; a ConfigError here fails the load."""
        config = json.loads(args["model_config"])
        options = Options.from_model_config(config)
        self._tensors, self._max_batch_size = options.tensors, max(1, config["max_batch_size"])
        self._preprocessor = Preprocessor(options)
        self._durations = _Durations({"model": args["model_name"], "version": args["model_version"]})
        self._queue = Queue(
            self._preprocessor.preprocess,
            self._durations.add,
            max_size=options.max_queue_size,
            timeout_s=options.default_timeout_microseconds / 1e6,
            max_batch_size=self._max_batch_size,
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request on its own: an image that fails, fails no other request.

        Returns:
            A response for each; None for one that waits, where more requests come than are worked off.
        """
        # Cancelled ones have been sorted out by Triton; to ask again is a message to it and back for each request.
        if self._queue.is_behind:
            refusals = [self._put(request) for request in requests]
        else:
            payloads = [self._payloads(request) for request in requests]
            # While these are at work, nothing is refused: there must not be many.
            if 2 * sum(each.size for each in payloads) <= self._max_batch_size:
                return self._answers(requests, payloads)
            refusals = [self._wait(*pair) for pair in zip(requests, payloads, strict=True)]
        self._queue.go_on()
        return refusals

    def finalize(self) -> None:
        """End the threads."""
        self._queue.close()
        self._preprocessor.close()

    def _answers(self, requests: Sequence[Any], payloads: Sequence[Payloads]) -> list[Any]:
        outcomes = self._preprocessor.preprocess(payloads)
        return [self._response(request.request_id(), each) for request, each in zip(requests, outcomes, strict=True)]

    def _put(self, request: Any) -> Any:
        if self._queue.is_full:
            return self._response(request.request_id(), OverloadError(FULL))
        try:
            payloads = self._payloads(request)
        except Exception as error:  # noqa: BLE001 - past this, Triton would answer those a second time that wait
            return self._response(request.request_id(), error)
        return self._wait(request, payloads)

    def _wait(self, request: Any, payloads: Payloads) -> None:
        sender = request.get_response_sender()
        self._queue.put(Entry(payloads, partial(self._answer, sender, request.request_id()), sender.is_cancelled))

    def _payloads(self, request: Any) -> Payloads:
        payloads: Payloads = pb_utils.get_input_tensor_by_name(request, self._tensors.input_name).as_numpy()
        return payloads

    def _answer(self, sender: Any, request_id: str, outcome: Outcome) -> None:
        try:
            _send(sender, self._response(request_id, outcome))
        except Exception as error:  # noqa: BLE001 - no shared memory for the pixels: there is for a word
            _send(sender, self._response(request_id, error))

    def _response(self, request_id: str, outcome: Outcome) -> Any:
        if isinstance(outcome, np.ndarray):
            return pb_utils.InferenceResponse([pb_utils.Tensor(self._tensors.output_name, outcome)])
        if isinstance(outcome, InvalidImageError):
            return _error(str(outcome), pb_utils.TritonError.INVALID_ARG)
        if isinstance(outcome, OverloadError):
            return _error(str(outcome), pb_utils.TritonError.UNAVAILABLE)
        if isinstance(outcome, CancelledError):
            return _error(str(outcome), pb_utils.TritonError.CANCELLED)
        trace = "".join(traceback.format_exception(outcome))
        pb_utils.Logger.log_error(f"[request id: {request_id}] {trace}")
        return _error("an internal error while preprocessing; the server's log has it", pb_utils.TritonError.INTERNAL)


class _Durations:
    """Counters of time for the metrics port, to be added to those of Triton, which knows a request until it waits here.

    A family has to be kept as long as its series are used: without a reference Triton forgets it.
    """

    def __init__(self, labels: dict[str, str]) -> None:
        def family(name: str, description: str) -> Any:
            return pb_utils.MetricFamily(
                name=f"cronnx_preprocess_{name}_duration_us",
                description=description,
                kind=pb_utils.MetricFamily.COUNTER,
            )

        self._families = (
            family("queue", "Time that requests waited to be preprocessed, together, in microseconds"),
            family("compute", "Time that requests were preprocessed, together, in microseconds"),
        )
        self._queue, self._compute = (each.Metric(labels=labels) for each in self._families)

    def add(self, *, queue_s: float, compute_s: float) -> None:
        self._queue.increment(1e6 * queue_s)
        self._compute.increment(1e6 * compute_s)


def _send(sender: Any, response: Any) -> None:
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
