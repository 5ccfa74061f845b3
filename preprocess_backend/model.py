"""The Triton backend `preprocess`: requests in, responses out. What lies between is cronnx_preprocess."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from cronnx_preprocess import FULL, Entry, InvalidImageError, Options, Outcome, OverloadError, Preprocessor, Queue


class TritonPythonModel:
    """A model whose every setting is in its config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model's config; a ConfigError here fails the load."""
        config = json.loads(args["model_config"])
        options = Options.from_model_config(config)
        self._tensors = options.tensors
        self._preprocessor = Preprocessor(options)
        self._durations = _Durations({"model": args["model_name"], "version": args["model_version"]})
        self._queue = Queue(
            self._preprocessor.preprocess,
            self._durations.add,
            max_size=options.max_queue_size,
            timeout_s=options.default_timeout_microseconds / 1e6,
            max_batch_size=max(1, config["max_batch_size"]),
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Let requests wait: None for each, or its refusal. What waits is answered later, each request on its own."""
        # Cancelled ones have been sorted out by Triton; to ask again is a message to it and back for each request.
        refusals = [self._put(request) for request in requests]
        self._queue.go_on()
        return refusals

    def finalize(self) -> None:
        """End the threads."""
        self._queue.close()
        self._preprocessor.close()

    def _put(self, request: Any) -> Any:
        if self._queue.is_full:
            return self._response(request.request_id(), OverloadError(FULL))
        payloads = pb_utils.get_input_tensor_by_name(request, self._tensors.input_name).as_numpy()
        answer = partial(self._answer, request.get_response_sender(), request.request_id())
        self._queue.put(Entry(payloads, answer))
        return None

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

    def add(self, *, requests: int, queue_s: float, compute_s: float) -> None:
        self._queue.increment(1e6 * queue_s)
        self._compute.increment(1e6 * compute_s * requests)


def _send(sender: Any, response: Any) -> None:
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
