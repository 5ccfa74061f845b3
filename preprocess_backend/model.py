"""The Triton backend `preprocess`: requests in, responses out. What lies between is cronnx_preprocess."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils

from cronnx_preprocess import InvalidImageError, Options, Preprocessor


class TritonPythonModel:
    """A model whose every setting is in its config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model's config; a ConfigError here fails the load."""
        options = Options.from_model_config(json.loads(args["model_config"]))
        self._tensors = options.tensors
        self._preprocessor = Preprocessor(options)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request on its own: an image that fails, fails no other request."""
        live = {index: request for index, request in enumerate(requests) if not request.is_cancelled()}
        payloads = [self._payloads(request) for request in live.values()]
        outcomes = dict(zip(live, self._preprocessor.preprocess(payloads), strict=True))
        return [self._response(outcomes.get(index)) for index in range(len(requests))]

    def finalize(self) -> None:
        """End the preprocessor's threads."""
        self._preprocessor.close()

    def _payloads(self, request: Any) -> Any:
        return pb_utils.get_input_tensor_by_name(request, self._tensors.input_name).as_numpy()

    def _response(self, outcome: npt.NDArray[Any] | Exception | None) -> Any:
        if outcome is None:
            return _error("cancelled before it was preprocessed", pb_utils.TritonError.CANCELLED)
        if isinstance(outcome, np.ndarray):
            return pb_utils.InferenceResponse([pb_utils.Tensor(self._tensors.output_name, outcome)])
        if isinstance(outcome, InvalidImageError):
            return _error(str(outcome), pb_utils.TritonError.INVALID_ARG)
        pb_utils.Logger.log_error("".join(traceback.format_exception(outcome)))
        return _error("an internal error while preprocessing; the server's log has it", pb_utils.TritonError.INTERNAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
