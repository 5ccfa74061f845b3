"""The Triton backend `router`: translates between Triton and cronnx_router, which decides."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import triton_python_backend_utils as pb_utils

from cronnx_router import USER_ID, Arm, ConfigError, Failure, Metrics, Options, Request, Router
from cronnx_router.batches import Tensors, TensorsOrArrays
from cronnx_router.decisions import VARIABLE


class TritonPythonModel:
    """A model whose settings are all in its config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model configuration; an invalid one fails the load."""
        name = args["model_name"]
        try:
            config, decisions = json.loads(args["model_config"]), os.environ.get(VARIABLE, "")
            options = Options.from_model_config(config, decisions=decisions)
        except ConfigError as error:
            raise pb_utils.TritonModelException(f"model '{name}': {error}") from None
        self._inputs = options.inputs
        metrics = Metrics(name, options, make_family=pb_utils.MetricFamily)
        self._router = Router(options, call=_call_arm, metrics=metrics)

    def execute(self, requests: Sequence[Any]) -> None:
        """Send each answer as soon as it is there, then run the shadow."""
        live = []
        for request in requests:
            sender = request.get_response_sender()
            if request.is_cancelled():
                _send(sender, _error("cancelled before it was routed", pb_utils.TritonError.CANCELLED))
            else:
                live.append((request, sender))
        unanswered = {index: sender for index, (_, sender) in enumerate(live)}
        try:
            for index, answer in self._router.answers([self._read(request) for request, _ in live]):
                _send(unanswered.pop(index), _response(answer))
            self._router.run_shadow()
        except Exception:  # noqa: BLE001 - raised, it would have Triton answer the answered requests twice
            ids = ", ".join(live[index][0].request_id() for index in unanswered)
            _fail(unanswered.values(), ids)

    def _read(self, request: Any) -> Request:
        inputs = {name: pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs}
        trace = request.trace() if request.trace().get_context() else None
        users = pb_utils.get_input_tensor_by_name(request, USER_ID)
        if users is not None:
            return Request(inputs, [bytes(user) for user in users.as_numpy().ravel()], trace)
        return Request(inputs, [b""] * len(inputs[self._inputs[0]].as_numpy()), trace)


def _call_arm(arm: Arm, inputs: TensorsOrArrays, outputs: Sequence[str], trace: object) -> Tensors | Failure:
    traced = {} if trace is None else {"trace": trace}
    response = pb_utils.InferenceRequest(
        model_name=arm.model_name,
        model_version=arm.model_version,
        inputs=_tensors(inputs),
        requested_output_names=list(outputs),
        preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
        **traced,
    ).exec()
    if response.has_error():
        error = response.error()
        caller_at_fault = error.code() == pb_utils.TritonError.INVALID_ARG
        return Failure(error.message(), caller_at_fault=caller_at_fault, code=error.code())
    return {tensor.name(): tensor for tensor in response.output_tensors()}


def _tensors(content: TensorsOrArrays) -> list[Any]:
    return [
        tensor if isinstance(tensor, pb_utils.Tensor) else pb_utils.Tensor(name, tensor)
        for name, tensor in content.items()
    ]


def _response(answer: TensorsOrArrays | Failure) -> Any:
    if isinstance(answer, Failure):
        return _error(answer.message, pb_utils.TritonError.UNAVAILABLE if answer.is_overload else answer.code)
    return pb_utils.InferenceResponse(_tensors(answer))


def _fail(senders: Iterable[Any], request_ids: str) -> None:
    pb_utils.Logger.log_error(f"[request id: {request_ids}] {traceback.format_exc()}")
    for sender in senders:
        _send(
            sender, _error("internal error in routing; the server's log has the details", pb_utils.TritonError.INTERNAL)
        )


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))


def _send(sender: Any, response: Any) -> None:
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
