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

_ORIENTATION = 0x0112

_AS_IT_IS = ("JPEG", "MPO", "PNG")  # what every server decodes, and Pillow reads with the same pixels

# What `preprocess` accepts of a PNG by default.
_LARGEST_PNG = 20 << 20
_MOST_PNG_PIXELS = 14_000_000

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image"


def image_file(image: ImageLike) -> bytes:
    """Return the content of an image file: read from a path, the given bytes, or that of a PIL image.

    Raises:
        InvalidInput: The path cannot be read, the PIL image cannot be encoded, or the value is not an image.
    """
    if isinstance(image, str | os.PathLike):
        return _read(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if _is_pil_image(image):
        return _own_file(image) or encoded(image)
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


def _own_file(image: Image.Image) -> bytes | None:
    """Return the file of a PIL image that was opened and never decoded or changed; None if it must be encoded."""
    from PIL import Image, ImageFile

    if not isinstance(image, ImageFile.ImageFile) or image.format not in _AS_IT_IS or not image.tile or image.tell():
        return None
    file = image.fp
    if file is None:
        return None
    try:
        position = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(position)
        opened = Image.open(io.BytesIO(content))
        return content if _header(opened) == _header(image) else None
    except Exception:  # noqa: BLE001 - the file is closed or damaged: encoding it says why
        return None


def _header(image: Image.Image) -> tuple[object, ...]:
    return image.format, image.mode, image.size, orientation(image)


def orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation of an image; None if it is missing or cannot be read."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - broken metadata of many kinds, but the picture may be sound
        return None


def encoded(image: Image.Image, *, largest_png: int = _LARGEST_PNG, most_png_pixels: int = _MOST_PNG_PIXELS) -> bytes:
    """Encode a PIL image as PNG, without loss; if that is too large for the server, as JPEG of quality 95 (4:4:4).

    Raises:
        InvalidInput: It cannot be decoded or encoded.
    """
    try:
        image.load()  # Pillow turns a TIFF as it decodes it: its orientation counts only then
        turned = orientation(image)
        metadata = {} if turned is None else {"exif": _orientation_exif(turned)}
        has_jpeg = image.mode in ("L", "RGB", "RGBA")
        if not has_jpeg or image.width * image.height <= most_png_pixels:
            content = _saved(image, "PNG", compress_level=1, **metadata)  # lossless at any level; 1 is the fastest
            if not has_jpeg or len(content) <= largest_png:
                return content
        return _saved(_without_alpha(image), "JPEG", quality=95, subsampling=0, **metadata)
    except Exception as error:  # Pillow's decoders and encoders raise errors of many types
        raise InvalidInput(
            f"cannot encode a PIL image of mode {image.mode!r}: {error}; image.convert('RGB') may help"
        ) from error


def _without_alpha(image: Image.Image) -> Image.Image:
    """Return the image on white, as `preprocess` shows it."""
    if image.mode != "RGBA":
        return image
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _orientation_exif(value: int) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[_ORIENTATION] = value
    return exif.tobytes()


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


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
        if any(b"\0" in element for element in tensor.flat if isinstance(element, bytes)):
            raise InvalidInput(
                f"input {name!r}: expected dtype object for bytes that are not text, because numpy's own dtype for"
                " bytes drops zeros at the end; make the array with dtype=object"
            )
    if np_to_triton_dtype(tensor.dtype) is None:
        raise InvalidInput(f"input {name!r}: expected numbers, bool, or bytes as objects, got dtype {tensor.dtype}")
    return _as_bytes(name, tensor) if tensor.dtype == object else tensor


def _as_bytes(name: str, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array whose every element is of the class bytes: tritonclient sends the text of anything else."""
    if all(type(element) is bytes for element in tensor.flat):
        return tensor
    checked = np.empty(tensor.shape, object)
    for position, element in enumerate(tensor.flat):
        if isinstance(element, bytes):
            checked.flat[position] = bytes(element)  # not of a subclass such as np.bytes_
        elif isinstance(element, str):
            checked.flat[position] = _utf8(name, element)
        else:
            raise InvalidInput(f"input {name!r}: expected bytes or str, got {type(element).__name__}")
    return checked


def _utf8(name: str, element: str) -> bytes:
    try:
        return element.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"input {name!r}: expected text that UTF-8 can express, got {element!r}") from error
