"""A built model without a server: the same preprocessing functions and ONNX Runtime, in this process.

The check of every build, and what the answers of a server are compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from google.protobuf.json_format import MessageToDict
from local_server.paths import MODEL_REPOSITORY, ROOT
from local_server.repository import read_config

from model_builds.torch_weights import Array

sys.path.append(str(ROOT / "preprocess_backend"))  # where Triton finds it too: it is a backend, not a distribution
from cronnx_preprocess import Options, Preprocessor


class InProcess:
    """Preprocessing and a model's graph."""

    def __init__(self, model: Path | bytes, *, size: int) -> None:
        """Load a model's file, or its content, for pictures of `size` pixels."""
        config = read_config(MODEL_REPOSITORY / f"preprocess_{size}")
        fields = MessageToDict(config, preserving_proto_field_name=True, use_integers_for_enums=False)
        self._preprocessor = Preprocessor(Options.from_model_config(fields))
        self._session = onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model))
        self._outputs = [output.name for output in self._session.get_outputs()]

    def classify(self, images: Sequence[bytes]) -> dict[str, Array]:
        """The model's outputs by name, [batch, …], for image files.

        Raises:
            InvalidImageError: one of the files is no acceptable image.
        """
        payloads = np.array(images, dtype=object).reshape(-1, 1)
        (pixels,) = self._preprocessor.preprocess([payloads])
        if isinstance(pixels, Exception):
            raise pixels
        return dict(zip(self._outputs, self._session.run(self._outputs, {"pixels": pixels}), strict=True))
