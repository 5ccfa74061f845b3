"""Runs a network on photographs, to tell by its values what its declaration leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from PIL import Image, ImageOps

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.graph_facts import Graph, Tensor
from cronnx_server.graphs.extra_inputs import FILLS, SIZES, Fill, guess_fill
from cronnx_server.graphs.trial import error_text, session
from cronnx_server.model_spec import NetworkInput, Recipe
from cronnx_server.paths import PICTURES

Array = npt.NDArray[Any]

FREE_SIDE = 448
"""The side, in pixels, of the photographs that a network of any size gets; a multiple of 14, 16, 32 and 64."""
SUM_TOLERANCE = 0.01
"""A softmax of FP16 or INT8 sums to 1 within it."""
UNIT_TOLERANCE = 1e-3
FRACTION_LIMIT = 1.5
"""Boxes of which no coordinate is larger are fractions of the image."""
NORMALISATIONS = {
    "ImageNet mean and std": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "--mean 0.5 --std 0.5": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "--mean 0 --std 1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""The usual normalisations of values from 0 to 1."""


@dataclass(frozen=True)
class Answers:
    """The outputs of a network for each photograph.

    Attributes:
        size: The (height, width) of the photographs as the network got them.
        photographs: For each photograph, its outputs by name, each with a batch of 1 where the network has a batch.
    """

    size: tuple[int, int]
    photographs: tuple[Mapping[str, Array], ...]

    def shape(self, output: str) -> tuple[int, ...]:
        """The shape of an output for the first photograph."""
        return tuple(self.photographs[0][output].shape)

    def values(self, output: str) -> list[Array]:
        """An output of each photograph, as FP32."""
        return [answer[output].astype(np.float32) for answer in self.photographs]

    def rows(self, output: str) -> Array:
        """The rows [n, columns] of an output [.., columns] of all photographs."""
        return np.concatenate([value.reshape(-1, value.shape[-1]) for value in self.values(output)])


def photographs(folder: Path = PICTURES) -> list[Image.Image]:
    """The photographs of a folder, upright RGB."""
    images = []
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as image:
            images.append(ImageOps.exif_transpose(image).convert("RGB"))
    return images


def fit(image: Image.Image, recipe: Recipe) -> Array:
    """A photograph as pixels UINT8 [h, w, 3] near to a recipe's: for values of a network, not for an exact answer."""
    size = recipe.width or FREE_SIDE, recipe.height or FREE_SIDE
    if recipe.resize == "letterbox":
        return np.asarray(ImageOps.pad(image, size, color=recipe.fill))
    if recipe.resize == "shortest_edge":
        return np.asarray(ImageOps.fit(image, size))
    return np.asarray(image.resize(size))


@dataclass
class Runner:
    """Runs a network at its own batch size.

    Attributes:
        graph: The graph.
        image: The image input.
        fills: What the other inputs get.
    """

    graph: Graph
    image: Tensor
    fills: Mapping[str, Fill]
    _session: Any = field(init=False)

    def __post_init__(self) -> None:
        """Load the graph.

        Raises:
            ModelFileError: ONNX Runtime cannot load it.
        """
        self._session = session(self.graph.model)

    def answers(self, images: Sequence[Image.Image], recipe: Recipe, network_input: NetworkInput) -> Answers:
        """The outputs for photographs.

        Raises:
            ModelFileError: The network fails for one.
        """
        pixels = [fit(image, recipe) for image in images]
        height, width = pixels[0].shape[:2]
        return Answers((height, width), tuple(self._answer(values(each, network_input)) for each in pixels))

    def _answer(self, image: Array) -> Mapping[str, Array]:
        rank = len(self.image.shape or ())
        batch = self._batch()
        inputs = {self.image.name: image if rank == 3 else np.repeat(image[None], batch, axis=0)}
        height, width = image.shape[-2:] if image.shape[0] == 3 else image.shape[:2]
        for tensor in self.graph.inputs:
            if tensor.name in self.fills:
                inputs[tensor.name] = _filled(tensor, self.fills[tensor.name], batch, (height, width))
        names = [tensor.name for tensor in self.graph.outputs]
        try:
            outputs = self._session.run(names, inputs)
        except Exception as error:  # ONNX Runtime's errors have no other base
            raise ModelFileError(f"the network fails for a photograph: {error_text(error)}") from error
        return {
            name: output[:1] if output.ndim and output.shape[0] == batch else output
            for name, output in zip(names, outputs, strict=True)
            if isinstance(output, np.ndarray)
        }

    def _batch(self) -> int:
        first = (self.image.shape or ())[0]
        return first if isinstance(first, int) and first > 0 else 1


def values(pixels: Array, network_input: NetworkInput) -> Array:
    """The values of a network's input [3, h, w] or [h, w, 3] for pixels UINT8 [h, w, 3]."""
    image = pixels[..., ::-1] if network_input.channel_order == "BGR" else pixels
    if network_input.datatype != "UINT8":
        image = (image * network_input.scale - np.array(network_input.mean)) / np.array(network_input.std)
        image = image.astype(np.float16 if network_input.datatype == "FP16" else np.float32)
    return np.ascontiguousarray(image.transpose(2, 0, 1) if network_input.layout == "NCHW" else image)


def fills_of(graph: Graph, image: Tensor) -> dict[str, Fill]:
    """What each input beside the image gets.

    Raises:
        ModelFileError: An input is not one that the image determines.
    """
    fills = {}
    for tensor in graph.inputs:
        fill = guess_fill(tensor.name)
        if tensor.name == image.name:
            continue
        if fill is None:
            raise ModelFileError(
                f"expected inputs that the image determines ({image.name}, {', '.join(FILLS)}), got {tensor}; "
                "export the part of the model that takes images alone, or use --raw"
            )
        fills[tensor.name] = fill
    return fills


def is_softmax(rows: Array) -> bool:
    """Whether each row has values from 0 to 1 that sum to 1."""
    return is_unit(rows) and bool(np.allclose(rows.sum(axis=-1), 1, atol=SUM_TOLERANCE))


def is_unit(values: Array) -> bool:
    """Whether all values are from 0 to 1."""
    return bool(values.size and values.min() >= -UNIT_TOLERANCE and values.max() <= 1 + UNIT_TOLERANCE)


def is_whole(values: Array) -> bool:
    """Whether all values are whole numbers."""
    return bool(np.all(np.isfinite(values)) and np.allclose(values, np.rint(values), atol=UNIT_TOLERANCE))


def _filled(tensor: Tensor, fill: Fill, batch: int, size: tuple[int, int]) -> Array:
    dtype = helper.tensor_dtype_to_np_dtype(tensor.element_type)
    if fill not in SIZES:
        sizes = iter(size)
        rank = len(tensor.shape or ())
        shape = (batch, 2) if rank == 2 else (batch, *(next(sizes) for _ in range(rank - 1)))
        return np.full(shape, fill is Fill.ONES, dtype)
    height, width = size
    row = (width, height) if fill is Fill.WIDTH_HEIGHT else (height, width)
    return np.repeat(np.array([row], dtype), batch, axis=0)
