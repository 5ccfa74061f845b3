"""The Triton backend `preprocess`: translates between Triton and cronnx_preprocess, which does the work."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from typing import Any

import triton_python_backend_utils as pb_utils

from cronnx_preprocess import (
    Answer,
    CancelledError,
    DeviceImages,
    Images,
    InvalidImageError,
    Options,
    OverloadError,
    Payloads,
    Preprocessor,
    Scheduler,
    Tensors,
    gpu_renderer,
)


class TritonPythonModel:
    """A model whose settings are all in its config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model configuration; a ConfigError fails the load."""
        config = json.loads(args["model_config"])
        options = Options.from_model_config(config)
        self._tensors = options.tensors
        gpu = gpu_renderer(options, kind=args["model_instance_kind"], device_id=int(args["model_instance_device_id"]))
        self._preprocessor = Preprocessor(options, gpu)
        self._scheduler = Scheduler(
            self._preprocessor.read,
            self._preprocessor.render,
            _DurationCounters({"model": args["model_name"], "version": args["model_version"]}),
            max_queue_size=options.max_queue_size,
            timeout_s=options.default_timeout_microseconds / 1e6,
            max_batch_size=max(1, config["max_batch_size"]),
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request on its own: an image that fails does not fail other requests.

        Returns:
            A response for each request, or None for one that is queued and answered later by its response sender.
        """
        # Triton has removed cancelled requests already; to ask again costs a message to it and back for each request.
        answers = self._scheduler.answer([_Request(each, self._tensors) for each in requests])
        return [
            None if answer is None else _response(answer, self._tensors, request.request_id())
            for request, answer in zip(requests, answers, strict=True)
        ]

    def finalize(self) -> None:
        """Answer what is queued, and end the threads."""
        self._scheduler.close()
        self._preprocessor.close()


class _Request:
    """A request of Triton for the scheduler."""

    def __init__(self, request: Any, tensors: Tensors) -> None:
        self._request, self._tensors = request, tensors

    def payloads(self) -> Payloads:
        payloads: Payloads = pb_utils.get_input_tensor_by_name(self._request, self._tensors.input_name).as_numpy()
        return payloads

    def responder(self) -> _Responder:
        return _Responder(self._request.get_response_sender(), self._tensors, self._request.request_id())


class _Responder:
    """Answers a request of Triton by its response sender, which works after `execute` has returned."""

    def __init__(self, sender: Any, tensors: Tensors, request_id: str) -> None:
        self._sender, self._tensors, self._request_id = sender, tensors, request_id
        self.is_cancelled = sender.is_cancelled

    def send(self, answer: Answer) -> None:
        try:
            self._send(answer)
        except Exception as error:  # noqa: BLE001 - shared memory may have no room for the pixels, but for a message
            self._send(error)

    def _send(self, answer: Answer) -> None:
        response = _response(answer, self._tensors, self._request_id)
        self._sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


class _DurationCounters:
    """Counters on the metrics port for the time of queued requests; Triton's own stop when a request is queued.

    The metric families are kept because Triton removes one without a reference.
    """

    def __init__(self, labels: dict[str, str]) -> None:
        self._families = (
            _counter_family("queue", "Cumulative time requests waited to be preprocessed in microseconds"),
            _counter_family("compute", "Cumulative time requests were preprocessed in microseconds"),
        )
        self._queue, self._compute = (family.Metric(labels=labels) for family in self._families)

    def add(self, *, queue_s: float, compute_s: float) -> None:
        self._queue.increment(1e6 * queue_s)
        self._compute.increment(1e6 * compute_s)


def _counter_family(name: str, description: str) -> Any:
    return pb_utils.MetricFamily(
        name=f"cronnx_preprocess_{name}_duration_us", description=description, kind=pb_utils.MetricFamily.COUNTER
    )


def _response(answer: Answer, tensors: Tensors, request_id: str) -> Any:
    if isinstance(answer, Images | DeviceImages):
        make = pb_utils.Tensor if isinstance(answer, Images) else pb_utils.Tensor.from_dlpack
        outputs = [make(tensors.output_name, answer.pixels)]
        if answer.geometry is not None:
            outputs.append(pb_utils.Tensor(tensors.geometry_name, answer.geometry))
        return pb_utils.InferenceResponse(outputs)
    if isinstance(answer, InvalidImageError):
        return _error(str(answer), pb_utils.TritonError.INVALID_ARG)
    if isinstance(answer, OverloadError):
        return _error(str(answer), pb_utils.TritonError.UNAVAILABLE)
    if isinstance(answer, CancelledError):
        return _error(str(answer), pb_utils.TritonError.CANCELLED)
    trace = "".join(traceback.format_exception(answer))
    pb_utils.Logger.log_error(f"[request id: {request_id}] {trace}")
    return _error("internal error in preprocessing; the server's log has the details", pb_utils.TritonError.INTERNAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
