"""Stand-in for NVIDIA's onnxruntime backend: the same model repository, the same contract, in Python.

Triton uses it only if `libtriton_onnxruntime.so` is not installed. This module translates between Triton and
`cronnx_onnxruntime`, which does the work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import triton_python_backend_utils as pb_utils

from cronnx_onnxruntime import autocomplete, cache, runner
from cronnx_onnxruntime.errors import ConfigError, InferenceError
from cronnx_onnxruntime.runner import Answer, Request, Runner

Result = TypeVar("Result")


class TritonPythonModel:
    """One instance, in its own process.

    Source: NVIDIA's python_backend README, "Usage".
    """

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """Complete the configuration from the graph."""
        config = auto_complete_model_config.as_dict()
        if not autocomplete.is_complete(config):
            path = _or_refuse(config["name"], runner.model_path, Path(pb_utils.get_model_dir()), config)
            signature = _or_refuse(config["name"], runner.signature, path, config)
            # ModelConfig has no setter for `reshape`. Triton reads back the dictionary that `as_dict` returned.
            config.update(_or_refuse(config["name"], autocomplete.completions, config, signature))
        return auto_complete_model_config

    def initialize(self, args: dict[str, str]) -> None:
        """Load this version of the model."""
        name, config = args["model_name"], json.loads(args["model_config"])
        version_folder = Path(args["model_repository"]) / args["model_version"]
        path = _or_refuse(name, runner.model_path, version_folder, config)
        kind, device_id = args["model_instance_kind"], int(args["model_instance_device_id"])
        self._runner = _or_refuse(name, lambda: Runner(path, config, kind=kind, device_id=device_id))
        if self._runner.warning:
            pb_utils.Logger.log_warn(f"{args['model_instance_name']}: {self._runner.warning}")
        self._answers = self._runner.answers
        if most_bytes := cache.cache_bytes(config, os.environ.get(cache.VARIABLE, "")):
            count = self._counter(name, args["model_version"])
            self._answers = cache.CachedAnswers(self._runner.answers, most_bytes=most_bytes, count=count).answers
        self._input_names = [tensor["name"] for tensor in config["input"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Return a response for each request, in order."""
        # Triton has removed cancelled requests already; to ask again costs a message to it and back for each request.
        return [_response(answer) for answer in self._answers([self._request(request) for request in requests])]

    def _counter(self, name: str, version: str) -> Callable[[int, int], None]:
        # The family is kept because Triton removes one without a reference.
        self._family = pb_utils.MetricFamily(
            name="cronnx_cache_requests_total",
            description="Requests to a network with a cache by outcome: hit or miss",
            kind=pb_utils.MetricFamily.COUNTER,
        )
        labels = {"model": name, "version": version}
        hits, misses = (self._family.Metric(labels={**labels, "outcome": outcome}) for outcome in ("hit", "miss"))

        def count(n_hits: int, n_misses: int) -> None:
            hits.increment(n_hits)
            misses.increment(n_misses)

        return count

    def _request(self, request: Any) -> Request:
        tensors = {name: pb_utils.get_input_tensor_by_name(request, name) for name in self._input_names}
        inputs = {name: tensor.as_numpy() for name, tensor in tensors.items() if tensor is not None}
        return Request(inputs, request.requested_output_names())


def _or_refuse(model_name: str, load: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return load(*arguments)
    except ConfigError as error:
        raise pb_utils.TritonModelException(f"model '{model_name}': {error}") from None


def _response(answer: Answer) -> Any:
    if isinstance(answer, InferenceError):
        code = pb_utils.TritonError.INVALID_ARG if answer.caller_at_fault else pb_utils.TritonError.INTERNAL
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(answer), code))
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in answer.items()])
