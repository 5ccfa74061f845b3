"""Resizes a part of an image with the filters of Pillow, or as OpenCV does, without antialiasing.

Reductions with Pillow's filters use SIMD and take a fifth of its time. Source: github.com/Linebender/fast_image_resize,
whose kernels are those of Pillow's `src/libImaging/Resample.c` in 16-bit fixed point: a value differs by one or two.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np
from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image
from PIL.Image import Resampling

from cronnx_preprocess.geometry import Box, Size
from cronnx_preprocess.pixel_modes import rgb

_ALGORITHMS = {
    Resampling.NEAREST: ResizeAlg.nearest(),
    Resampling.BOX: ResizeAlg.convolution(FilterType.box),
    Resampling.BILINEAR: ResizeAlg.convolution(FilterType.bilinear),
    Resampling.BICUBIC: ResizeAlg.convolution(FilterType.catmull_rom),
    Resampling.LANCZOS: ResizeAlg.convolution(FilterType.lanczos3),
}
FILTERS = (*_ALGORITHMS, Resampling.HAMMING)

# cykooz_resizer 4.0.1 reads outside the image and ends the process for some enlarged parts, because it drops weights of
# zero and assumes that no filter begins left of the first pixel's. So Pillow does enlargements; they are small anyway.
_MIN_REDUCTION = 1.1


class _ThreadState(threading.local):
    """A resizer for each thread, which keeps its buffers for the next image."""

    def __init__(self) -> None:
        self.resizer = Resizer()


_thread_state = _ThreadState()

# Images are resized side by side, one on each thread.
cv2.setNumThreads(1)


def resized(image: Image.Image, size: Size, *, box: Box, resample: Resampling, antialias: bool = True) -> Image.Image:
    """Resize a part of an image.

    Args:
        image: An image in mode L, RGB or RGBA.
        size: The size to make.
        box: The part of the image.
        resample: One of FILTERS.
        antialias: Whether the filter widens where the image shrinks. Without, BILINEAR takes the four nearest pixels,
            as OpenCV's INTER_LINEAR does.
    """
    if not antialias:
        return _interpolated(image, size, box)
    left, top, right, bottom = box
    if resample not in _ALGORITHMS or min((right - left) / size[0], (bottom - top) / size[1]) < _MIN_REDUCTION:
        return image.resize(size, resample, box)
    options = ResizeOptions(_ALGORITHMS[resample], crop_box=CropBox(left, top, right - left, bottom - top))
    made = Image.new(image.mode, size)
    _thread_state.resizer.resize_pil(image, made, options)
    return made


def _interpolated(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """Interpolate between the four nearest pixels; a part is cut out of the whole image, resized alike."""
    left, top, right, bottom = box
    factor_x, factor_y = size[0] / (right - left), size[1] / (bottom - top)
    whole = round(image.width * factor_x), round(image.height * factor_y)
    x, y = round(left * factor_x), round(top * factor_y)
    pixels = cv2.resize(np.asarray(rgb(image)), whole, interpolation=cv2.INTER_LINEAR)
    return Image.fromarray(np.ascontiguousarray(pixels[y : y + size[1], x : x + size[0]]))
