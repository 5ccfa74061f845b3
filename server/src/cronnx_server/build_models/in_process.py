"""A model without a server: the server's preprocessing and ONNX Runtime in this process.

Every build is checked with it, and the tests compare a server's answers with its answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from cronnx_preprocess import Options, Preprocessor
from cronnx_server.graphs.image_model import read_spec
from cronnx_server.model_spec import Recipe

Tensors = dict[str, npt.NDArray[Any]]
"""Tensors by name, [batch, ...]."""


class InProcessModel:
    """The preprocessing and the graph of a model of `image_model`."""

    def __init__(self, model: Path | bytes, *, recipe: Recipe | None = None, threads: int = 0) -> None:
        """Load a model.

        Args:
            model: The model file, or its content.
            recipe: The preprocessing; None is the one in the model's specification.
            threads: The threads of the preprocessing and of the graph; 0 is one for each core.

        Raises:
            ValueError: There is no recipe, and the model carries no specification.
        """
        content = model if isinstance(model, bytes) else model.read_bytes()
        recipe = recipe or _recipe_of(content)
        self._preprocessor = preprocessor(recipe, threads=threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(content, options)
        self._inputs = {tensor.name for tensor in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]

    def answer(self, images: Sequence[bytes]) -> Tensors:
        """Answer image files together; the model's outputs.

        Raises:
            InvalidImageError: A file is not an acceptable image, or the images have different sizes after resizing.
        """
        return self.run(self.preprocess(images))

    def preprocess(self, images: Sequence[bytes]) -> Tensors:
        """Preprocess image files; the model's inputs: `pixels` UINT8 [batch, height, width, 3] and its `geometry`.

        Raises:
            InvalidImageError: A file is not an acceptable image, or the images have different sizes after resizing.
        """
        (answer,) = self._preprocessor.preprocess([np.array(images, dtype=object).reshape(-1, 1)])
        if isinstance(answer, Exception):
            raise answer
        return {name: tensor for name, tensor in answer._asdict().items() if name in self._inputs}

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Tensors:
        """Run the graph on its inputs; its outputs."""
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


def preprocessor(recipe: Recipe, *, threads: int = 0) -> Preprocessor:
    """The preprocessor of a recipe, with geometry; 0 threads is one for each core."""
    canvas = [recipe.height or -1, recipe.width or -1, 3]
    config = {
        "input": [{"name": "image", "data_type": "TYPE_STRING", "dims": [1]}],
        "output": [
            {"name": "pixels", "data_type": "TYPE_UINT8", "dims": canvas},
            {"name": "geometry", "data_type": "TYPE_FP32", "dims": [6]},
        ],
        "parameters": {name: {"string_value": text} for name, text in recipe.parameters().items()},
    }
    return Preprocessor(replace(Options.from_model_config(config), threads=threads))


def _recipe_of(content: bytes) -> Recipe:
    spec = read_spec(onnx.load_from_string(content))
    if spec is None:
        raise ValueError("expected a model with a specification in its metadata, got none; build or add it again")
    return spec.recipe
