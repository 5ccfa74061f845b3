"""An input sent as a picture and its expected answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cronnx_lab.fuzz.requests import Payload

NO_IMAGE = (
    "expected a JPEG, PNG, WebP, BMP, TIFF or GIF image, its base64 or its data URL, got something that starts with b.*"
)


def unreadable(name: str) -> str:
    """Return the error message for a file of an accepted format whose pixels cannot be read."""
    return f"(truncated|damaged) {name} image: its pixels cannot be read"


@dataclass(frozen=True)
class Picture:
    """An input sent as a picture and its expected answer.

    Attributes:
        kind: What the input is, in unique words.
        make: Returns its bytes; some are large, so they are made when needed.
        refusal: A pattern of the whole error message; None if the input is answered.
        is_text: Whether the input is text, which JSON carries without base64.
    """

    kind: str
    make: Callable[[], bytes]
    refusal: str | None = None
    is_text: bool = False

    @cached_property
    def payload(self) -> Payload:
        return Payload(self.make(), self.is_text)
