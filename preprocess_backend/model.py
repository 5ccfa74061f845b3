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
        # Cancelled ones have been sorted out by Triton; to ask again is a message to it and back for each request.
        outcomes = self._preprocessor.preprocess([self._payloads(request) for request in requests])
        return [self._response(*pair) for pair in zip(requests, outcomes, strict=True)]

    def finalize(self) -> None:
        """End the preprocessor's threads."""
        self._preprocessor.close()

    def _payloads(self, request: Any) -> Any:
        return pb_utils.get_input_tensor_by_name(request, self._tensors.input_name).as_numpy()

    def _response(self, request: Any, outcome: npt.NDArray[Any] | Exception) -> Any:
        if isinstance(outcome, np.ndarray):
            return pb_utils.InferenceResponse([pb_utils.Tensor(self._tensors.output_name, outcome)])
        if isinstance(outcome, InvalidImageError):
            return _error(str(outcome), pb_utils.TritonError.INVALID_ARG)
        trace = "".join(traceback.format_exception(outcome))
        pb_utils.Logger.log_error(f"[request id: {request.request_id()}] {trace}")
        return _error("an internal error while preprocessing; the server's log has it", pb_utils.TritonError.INTERNAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
