"""What the header of an image file says, and the refusals that the readers share."""

from __future__ import annotations

from typing import NamedTuple

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Size

UPRIGHT = 1

# What a byte of a file costs at least; a small picture in a long file takes time, too.
_COST_OF_A_BYTE = 5.0


class Header(NamedTuple):
    """What is known of an image before any pixel is decoded.

    Attributes:
        format: Pillow's name of the format.
        file: What Pillow needs of the file.
        size: The width and height of the stored image.
        orientation: The EXIF orientation, 1 to 8.
        bytes_per_pixel: What it costs to decode a pixel and to make it RGB, in bytes of memory; a kind that takes
            longer than its memory suggests counts more.
        fixed_bytes_per_pixel: What a pixel of a JPEG costs in addition, even if it is decoded at a smaller size.
        kind: What it is, in case Pillow does not support it; empty if Pillow supports every kind that passes.
        is_plain: Whether it is of the kind that cameras write and every JPEG decoder reads alike.
    """

    format: str
    file: bytes
    size: Size
    bytes_per_pixel: float
    orientation: int = UPRIGHT
    fixed_bytes_per_pixel: float = 0.0
    kind: str = ""
    is_plain: bool = False

    @property
    def can_shrink(self) -> bool:
        """Whether Pillow can decode it at a smaller size."""
        return self.format == "JPEG"

    def cost_of_a_pixel(self, scale: int) -> float:
        """What a pixel costs if the image is decoded at 1/`scale` of its width and height, in bytes."""
        return self.fixed_bytes_per_pixel + self.bytes_per_pixel / scale**2

    def cost_bytes(self, scale: int) -> float:
        """What it costs to decode the image at 1/`scale` of its width and height."""
        width, height = self.size
        return max(width * height * self.cost_of_a_pixel(scale), len(self.file) * _COST_OF_A_BYTE)


def damaged(name: str) -> InvalidImageError:
    """A refusal of a file whose parts contradict each other; `name` is its format."""
    return InvalidImageError(f"damaged {name} image: its pixels cannot be read")


def truncated(name: str) -> InvalidImageError:
    """A refusal of a file whose end is missing; `name` is its format."""
    return InvalidImageError(f"truncated {name} image: its pixels cannot be read")


def unsupported(kind: str) -> InvalidImageError:
    """A refusal of a sound file of a kind that cannot be read, or that costs more than it is worth."""
    return InvalidImageError(f"{kind} is not supported; save it as JPEG or PNG with 8 bits a channel")


def too_many(expected: str) -> InvalidImageError:
    """A refusal of a file with more parts than an encoder writes."""
    return InvalidImageError(f"expected {expected}, got more; save it again with another program")
