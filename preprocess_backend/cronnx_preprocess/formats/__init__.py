"""Reads the headers of image files without Pillow: what a picture is, what it costs, and what Pillow needs of its file.

Pillow reads metadata in Python, under the interpreter's lock, and keeps all of it: 8 MB of EXIF segments hold up every
thread for a minute. So each reader looks through a bounded number of parts, refuses the variants that cost more than
they are worth, and leaves out of the file what Pillow need not see.
"""

from __future__ import annotations

import struct

from cronnx_preprocess.formats import bmp, gif, jpeg, png, tiff, webp
from cronnx_preprocess.formats.header import Header, damaged
from cronnx_preprocess.payload import EncodedImage

_READERS = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "GIF": gif.read,
    "WEBP": webp.read,
    "BMP": bmp.read,
    "TIFF": tiff.read,
}


def read_header(encoded: EncodedImage) -> Header:
    """Read the header of an image file; no pixel is decoded.

    Raises:
        InvalidImageError: The file is damaged, or of a variant that is not supported.
    """
    try:
        header = _READERS[encoded.format](encoded.file)
    except (LookupError, ValueError, struct.error) as error:
        raise damaged(encoded.format) from error
    if min(header.size) < 1:
        raise damaged(encoded.format)
    return header
