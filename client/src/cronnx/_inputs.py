"""A caller's images and arrays in the form that Triton's protocols carry."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype

from cronnx._errors import InvalidInput

if TYPE_CHECKING:
    from PIL import Image

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image"


def image_file(image: ImageLike) -> bytes:
    """Return the content of an image file: read from a path, the given bytes, or a PIL image encoded as PNG.

    Raises:
        InvalidInput: The path cannot be read, the PIL image cannot be encoded, or the value is not an image.
    """
    if isinstance(image, str | os.PathLike):
        return _read(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if _is_pil_image(image):
        return _as_png(image)
    raise InvalidInput(
        "image: expected a path, the bytes of an image file, a PIL.Image or a list of these,"
        f" got {type(image).__name__}"
    )


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(
            f"cannot read image {_shown(os.fspath(path))}: {reason}{_advice(os.fspath(path))}"
        ) from error


_LONGEST_SHOWN = 120


def _shown(path: str) -> str:
    return repr(path) if len(path) <= _LONGEST_SHOWN else f"{path[:20]!r}... ({len(path)} characters)"


def _advice(path: str) -> str:
    """Return what to give instead of a text that is not a path, as an addition to the error."""
    if path.startswith(("http://", "https://")):
        return "; expected a path or bytes, got a URL: download it first"
    if path.startswith("data:") or len(path) > _LONGEST_SHOWN:
        return "; expected a path; give an image's content as bytes, not as text"
    return ""


def _is_pil_image(value: object) -> TypeGuard[Image.Image]:
    # A caller with a PIL image has imported PIL.Image, so there is no need to import Pillow here.
    pil_image = sys.modules.get("PIL.Image")
    return pil_image is not None and isinstance(value, pil_image.Image)


def _as_png(image: Image.Image) -> bytes:
    png = io.BytesIO()
    try:
        image.save(png, format="PNG", compress_level=1)  # lossless at any level; 1 is several times faster
    except Exception as error:  # Pillow's decoders and encoders raise errors of many types
        raise InvalidInput(
            f"cannot encode a PIL image of mode {image.mode!r} as PNG: {error}; image.convert('RGB') may help"
        ) from error
    return png.getvalue()


def checked_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays with text and bytes as objects.

    Raises:
        InvalidInput: A value is not an array, or its dtype does not exist in the protocol.
    """
    return {name: _checked(name, tensor) for name, tensor in tensors.items()}


def _checked(name: str, tensor: object) -> npt.NDArray[Any]:
    if not isinstance(tensor, np.ndarray):
        raise InvalidInput(f"input {name!r}: expected a numpy array, got {type(tensor).__name__}")
    if tensor.dtype.kind in "SU":
        tensor = tensor.astype(object)
    if np_to_triton_dtype(tensor.dtype) is None:
        raise InvalidInput(f"input {name!r}: expected numbers, bool, or bytes as objects, got dtype {tensor.dtype}")
    if tensor.dtype == object and not all(isinstance(element, bytes | str) for element in tensor.flat):
        raise InvalidInput(f"input {name!r}: expected bytes or str, got other objects")
    return tensor
