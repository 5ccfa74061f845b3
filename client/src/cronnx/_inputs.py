"""A caller's images as the image files that a model takes."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from cronnx._errors import InvalidInput

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112

_AS_IT_IS = ("JPEG", "MPO", "PNG")  # what every server decodes, and Pillow reads with the same pixels

# What `preprocess` accepts of a PNG by default.
_LARGEST_PNG = 20 << 20
_MOST_PNG_PIXELS = 14_000_000

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | npt.NDArray[np.uint8] | Image.Image"
)

_ADDRESS = ("http://", "https://")


def image_file(image: ImageLike) -> bytes:
    """Return the content of an image file.

    Args:
        image: A path, an http(s) address, the bytes of an image file, a file open for reading bytes, an array (UINT8,
            RGB [height, width, 3] or grey [height, width]), or a PIL image.

    Raises:
        InvalidInput: The file cannot be read, the picture cannot be encoded, or the value is not an image.
    """
    if isinstance(image, str | os.PathLike):
        return _fetched(image) if is_address(image) else _read(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, np.ndarray):
        return encoded(_picture(image))
    if _is_pil_image(image):
        return _own_file(image) or encoded(image)
    if is_file(image):
        return _read_open(image)
    raise InvalidInput(
        "image: expected a path, an http(s) address, the bytes of an image file, an open file, a numpy array,"
        f" a PIL.Image or a list of these, got {type(image).__name__}"
    )


def is_address(image: object) -> TypeGuard[str]:
    """Return whether an image is given as the text of an http(s) address; a path object never is."""
    return isinstance(image, str) and image[:8].lower().startswith(_ADDRESS)


def is_file(image: object) -> TypeGuard[IO[bytes]]:
    """Return whether an image is given as an open file, or anything else that can be read."""
    return callable(getattr(image, "read", None))


def _fetched(address: str) -> bytes:
    from cronnx._download import download_and_wait  # imported here because aiohttp loads slowly

    return download_and_wait(address)


def _read_open(file: IO[bytes]) -> bytes:
    """Read a file from its position to its end, and return to the position if that is possible."""
    try:
        position = file.tell() if file.seekable() else None
        content: object = file.read()
        if position is not None:
            file.seek(position)
    except (OSError, ValueError, AttributeError) as error:  # ValueError: the file is closed
        raise InvalidInput(f"cannot read image {_name(file)}: {error}") from error
    if not isinstance(content, bytes):
        raise InvalidInput(
            f"image {_name(file)}: expected a file open for reading bytes, got {type(content).__name__} from it;"
            " open it with mode 'rb'"
        )
    if not content:
        raise InvalidInput(f"image {_name(file)}: expected content, got the end of the file; seek(0) first")
    return content


def _name(file: IO[bytes]) -> str:
    name = getattr(file, "name", None)
    return _shown(name) if isinstance(name, str) else f"from {type(file).__name__}"


def _picture(array: npt.NDArray[Any]) -> Image.Image:
    """Return an array as a PIL image.

    Raises:
        InvalidInput: It is not UINT8, or not RGB or grey with the channels last.
    """
    expected = "image: expected an array uint8 [height, width, 3] in RGB or [height, width] in grey"
    got = f"{expected}, got {array.dtype} {list(array.shape)}; "
    if array.ndim not in (2, 3) or not array.size:
        raise InvalidInput(got + ("give a list of arrays, list(array)" if array.ndim == 4 else "give one picture"))
    if array.ndim == 3 and array.shape[2] != 3:
        raise InvalidInput(got + _channel_advice(array.shape))
    if array.dtype != np.uint8:
        raise InvalidInput(got + "scale it to 0..255, round it, and use .astype(np.uint8)")
    from PIL import Image  # imported here because Pillow loads slowly

    return Image.fromarray(array)


def _channel_advice(shape: tuple[int, ...]) -> str:
    if shape[0] in (1, 3):
        return "put the channels last with array.transpose(1, 2, 0)"
    if shape[2] == 1:
        return "remove the last axis with array[:, :, 0]"
    return "give a PIL.Image, which names its channels"


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
