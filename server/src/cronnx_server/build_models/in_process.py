"""A classifier without a server: the server's preprocessing and ONNX Runtime in this process.

Every build is checked with it, and the tests compare a server's answers with its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from cronnx_preprocess import Options, Preprocessor
from cronnx_server.paths import MODEL_REPOSITORY
from cronnx_server.repository import as_json, read_config


class InProcessClassifier:
    """A classifier's preprocessing and its graph."""

    def __init__(
        self, model: Path | bytes, *, size: int, repository: Path = MODEL_REPOSITORY, threads: int = 0
    ) -> None:
        """Load a classifier.

        Args:
            model: The model file, or its content.
            size: Height and width of the model's images, in pixels.
            repository: The model repository that has `preprocess_<size>`.
            threads: The threads of the preprocessing and of the graph; 0 is one for each core.
        """
        self._preprocessor = preprocessor(size, repository=repository, threads=threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def classify(self, images: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
        """Classify image files; the model's outputs by name, [batch, …].

        Raises:
            InvalidImageError: A file is not an acceptable image.
        """
        return self.classify_pixels(self.pixels(images))

    def pixels(self, images: Sequence[bytes]) -> npt.NDArray[np.uint8]:
        """Preprocess image files to UINT8 [batch, size, size, 3].

        Raises:
            InvalidImageError: A file is not an acceptable image.
        """
        (answer,) = self._preprocessor.preprocess([np.array(images, dtype=object).reshape(-1, 1)])
        if isinstance(answer, Exception):
            raise answer
        return answer.pixels

    def classify_pixels(self, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Classify `pixels` UINT8 [batch, size, size, 3]; the model's outputs by name, [batch, …]."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {"pixels": pixels}), strict=True))


def preprocessor(size: int, *, repository: Path = MODEL_REPOSITORY, threads: int = 0) -> Preprocessor:
    """The preprocessor that `preprocess_<size>` configures; 0 threads is one for each core."""
    options = Options.from_model_config(as_json(read_config(repository / f"preprocess_{size}")))
    return Preprocessor(replace(options, threads=threads))
