"""Images, in the forms a caller may have them, as the bytes of an image file."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from cronnx._errors import InvalidInput

if TYPE_CHECKING:
    from PIL import Image

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image"


def image_file(image: ImageLike) -> bytes:
    """Give the content of an image file: read, taken as it is, or encoded as PNG.

    Raises:
        InvalidInput: The path cannot be read, the PIL image cannot be encoded, or it is no image at all.
    """
    if isinstance(image, str | os.PathLike):
        return _read(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if _is_pil_image(image):
        return _as_png(image)
    raise InvalidInput(
        f"got {type(image).__name__} for an image, expected a path, the bytes of an image file, a PIL.Image"
        " or a list of these"
    )


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"cannot read image {os.fspath(path)!r}: {reason}") from error


def _is_pil_image(value: object) -> TypeGuard[Image.Image]:
    # Whoever has a PIL image has imported PIL.Image: no need to import Pillow to find out.
    pil_image = sys.modules.get("PIL.Image")
    return pil_image is not None and isinstance(value, pil_image.Image)


def _as_png(image: Image.Image) -> bytes:
    png = io.BytesIO()
    try:
        image.save(png, format="PNG", compress_level=1)  # lossless at any level; 1 is several times faster
    except Exception as error:  # Pillow's decoders and encoders raise all kinds
        raise InvalidInput(
            f"cannot encode a PIL image of mode {image.mode!r} as PNG: {error}; image.convert('RGB') may help"
        ) from error
    return png.getvalue()
