"""A built model without a server: the same preprocessing functions and ONNX Runtime, in this process.

The check of every build, and what the answers of a server are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
from google.protobuf.json_format import MessageToDict

from cronnx_preprocess import Options, Preprocessor
from cronnx_server.build_models.torch_weights import Array
from cronnx_server.paths import MODEL_REPOSITORY
from cronnx_server.repository import read_config


class InProcess:
    """Preprocessing and a model's graph."""

    def __init__(
        self, model: Path | bytes, *, size: int, repository: Path = MODEL_REPOSITORY, threads: int = 0
    ) -> None:
        """Load a model's file, or its content, for pictures of `size` pixels as `repository` has them made.

        `threads` is for the preprocessing and for the graph, 0 is one a core.
        """
        self._preprocessor = preprocessor(size, repository=repository, threads=threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def classify(self, images: Sequence[bytes]) -> dict[str, Array]:
        """The model's outputs by name, [batch, …], for image files.

        Raises:
            InvalidImageError: one of the files is no acceptable image.
        """
        return self.classify_pixels(self.pixels(images))

    def pixels(self, images: Sequence[bytes]) -> Array:
        """What the model is given for image files: UINT8 [batch, size, size, 3].

        Raises:
            InvalidImageError: one of the files is no acceptable image.
        """
        (pixels,) = self._preprocessor.preprocess([np.array(images, dtype=object).reshape(-1, 1)])
        if isinstance(pixels, Exception):
            raise pixels
        return pixels

    def classify_pixels(self, pixels: Array) -> dict[str, Array]:
        """The model's outputs by name, [batch, …], for `pixels` UINT8 [batch, size, size, 3]."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {"pixels": pixels}), strict=True))


def preprocessor(size: int, *, repository: Path = MODEL_REPOSITORY, threads: int = 0) -> Preprocessor:
    """The preprocessing that Triton does for models of pictures of `size` pixels; 0 threads is one a core."""
    config = read_config(repository / f"preprocess_{size}")
    options = Options.from_model_config(MessageToDict(config, preserving_proto_field_name=True))
    return Preprocessor(replace(options, threads=threads))
