"""What became of one of many images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from cronnx._errors import CronnxError
from cronnx._results import Classification

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The answer for one image of `classify_many`, or why there is none.

    Attributes:
        image: The image as it was given: the very path, bytes or PIL image.
        index: Its position in the input, from 0.
        classification: The answer; None where there is an error.
        error: Why there is no answer; None where there is one.
        seconds: From when the image was taken from the input to its answer or error: reading it, waiting and
            trying again included.
    """

    image: T
    index: int
    classification: Classification | None
    error: CronnxError | None
    seconds: float
