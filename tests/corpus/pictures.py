"""What is sent as a picture, and what has to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cronnx_lab.fuzz.requests import Payload

NO_IMAGE = r"not a JPEG, PNG, WebP, BMP, TIFF or GIF image, nor the base64 or data URL of one \(starts with b.*\)"


def unreadable(name: str) -> str:
    """The refusal of a file of a format whose pixels cannot be had."""
    return f"(truncated|damaged) {name} image: its pixels cannot be read"


@dataclass(frozen=True)
class Picture:
    """A kind of input.

    Attributes:
        kind: what it is, unique.
        make: its bytes; called when they are needed, for some are large.
        refusal: a pattern of the whole message; None where it is answered.
        is_text: whether it is a text already, which JSON carries as it is.
    """

    kind: str
    make: Callable[[], bytes]
    refusal: str | None = None
    is_text: bool = False

    @cached_property
    def payload(self) -> Payload:
        return Payload(self.make(), self.is_text)
