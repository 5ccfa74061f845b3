"""What a server sends for one image, from which each task's answer is read, and the outcome of one image of many."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy.typing as npt

from cronnx._errors import CronnxError, InvalidInput
from cronnx._inputs import orientation

ImageT_co = TypeVar("ImageT_co", covariant=True)
A_co = TypeVar("A_co", covariant=True)

_SWAPS_AXES = range(5, 9)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ImageT_co, A_co]):
    """The answer or the error for one image of `predict_many`, `classify_many` and the like.

    Attributes:
        image: The image as given: the same path, bytes or PIL image.
        index: The image's position in the input, from 0.
        answer: The answer; None if there is an error.
        error: Why there is no answer; None if there is one.
        seconds: The time from taking the image from the input to its answer or error, in seconds. It includes
            reading the image, waiting and retries.
    """

    image: ImageT_co
    index: int
    answer: A_co | None
    error: CronnxError | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ImageTensors:
    """A model's outputs for one image.

    Attributes:
        image: The content of the image file that was sent.
        tensors: The outputs by name, without the batch's dimension.
        served_by: The model version that answered.
        model_name: The model that was asked.
    """

    image: bytes
    tensors: Mapping[str, npt.NDArray[Any]]
    served_by: str
    model_name: str


class MalformedAnswerError(ValueError):
    """The outputs of a model contradict each other."""


def text(element: bytes | str) -> str:
    """Return an element of a BYTES tensor: bytes in binary tensors, str in JSON tensors."""
    return element.decode(errors="replace") if isinstance(element, bytes) else str(element)


def upright_size(image_file: bytes) -> tuple[int, int]:
    """Return the width and the height of an image, turned as its EXIF orientation says. The pixels are not decoded.

    Raises:
        InvalidInput: The file cannot be read.
    """
    from PIL import Image  # imported here because it loads slowly

    try:
        with Image.open(io.BytesIO(image_file)) as image:
            width, height = image.size
            return (height, width) if orientation(image) in _SWAPS_AXES else (width, height)
    except Exception as error:  # Pillow's decoders raise errors of many types
        raise InvalidInput(f"image: the size of the photo cannot be read, which its answer needs: {error}") from error
