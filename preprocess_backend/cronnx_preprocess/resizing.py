"""Resizes a part of an image with Pillow's filters; most reductions use SIMD and take a fifth of Pillow's time.

Source: github.com/Linebender/fast_image_resize, whose kernels are those of Pillow's `src/libImaging/Resample.c` in
16-bit fixed point: a value differs from Pillow's by one or two.
"""

from __future__ import annotations

import math
import threading
from functools import cache
from types import ModuleType

from cykooz_resizer import Algorithm, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image
from PIL.Image import Resampling

from cronnx_preprocess.geometry import Box, Size
from cronnx_preprocess.pixel_modes import rgb_array


def _interpolation(filter_type: FilterType) -> ResizeAlg:
    """A filter that does not widen; cykooz_resizer 4.0.1 implements it, but has no constructor for it."""
    algorithm = ResizeAlg.convolution(filter_type)
    algorithm._algorithm = Algorithm.interpolation
    return algorithm


_ALGORITHMS = {
    Resampling.BILINEAR: ResizeAlg.convolution(FilterType.bilinear),
    Resampling.BICUBIC: ResizeAlg.convolution(FilterType.catmull_rom),
    Resampling.LANCZOS: ResizeAlg.convolution(FilterType.lanczos3),
}  # the others are rare, and NEAREST and BOX break ties differently
FILTERS = (Resampling.NEAREST, Resampling.BOX, *_ALGORITHMS, Resampling.HAMMING)
INTERPOLATIONS = (Resampling.BILINEAR, Resampling.BICUBIC)
"""The filters that need not widen."""
_OF_PARTS = {
    Resampling.BILINEAR: _interpolation(FilterType.bilinear),
    Resampling.BICUBIC: _interpolation(FilterType.catmull_rom),
}

# cykooz_resizer 4.0.1 reads outside the image and ends the process for some enlarged parts, because it drops weights of
# zero and assumes that no filter begins left of the first pixel's. So Pillow does enlargements; they are small anyway.
_MIN_REDUCTION = 1.1


class _ThreadState(threading.local):
    """A resizer for each thread, which keeps its buffers for the next image."""

    def __init__(self) -> None:
        self.resizer = Resizer()


_thread_state = _ThreadState()


def resized(image: Image.Image, size: Size, *, box: Box, resample: Resampling, antialias: bool = True) -> Image.Image:
    """Resize a part of an image.

    Args:
        image: An image in mode L, RGB or RGBA.
        size: The size to make.
        box: The part of the image.
        resample: One of FILTERS.
        antialias: Whether the filter widens where the image shrinks, as Pillow's do and OpenCV's do not. Without it
            BILINEAR is OpenCV's INTER_LINEAR, BICUBIC its INTER_CUBIC, and the other filters are as with it.
    """
    if image.size == size and box == (0, 0, *size):
        return image
    left, top, right, bottom = box
    reductions = (right - left) / size[0], (bottom - top) / size[1]
    if resample in INTERPOLATIONS and not antialias:
        return _interpolated(image, size, box, reductions, resample)
    if resample not in _ALGORITHMS or min(reductions) < _MIN_REDUCTION:
        return image.resize(size, resample, box)
    return _reduced(image, size, box, _ALGORITHMS[resample])


def _interpolated(
    image: Image.Image, size: Size, box: Box, reductions: tuple[float, float], resample: Resampling
) -> Image.Image:
    """Resize with OpenCV, whose arithmetic this is; it cannot resize a part.

    A part is reduced on each side that shrinks; then Pillow enlarges the others, for which its filter does not widen
    either. Pixels of BILINEAR differ from OpenCV's by one at most; the kernel of its INTER_CUBIC is a little sharper.
    """
    if box == (0, 0, *image.size):
        cv2 = _opencv()
        interpolation = cv2.INTER_LINEAR if resample is Resampling.BILINEAR else cv2.INTER_CUBIC
        return Image.fromarray(cv2.resize(rgb_array(image), size, interpolation=interpolation))
    left, top, right, bottom = box
    horizontal = (left, right, size[0]) if reductions[0] > 1 else (0, image.width, image.width)
    vertical = (top, bottom, size[1]) if reductions[1] > 1 else (0, image.height, image.height)
    if max(reductions) > 1:
        part = horizontal[0], vertical[0], horizontal[1], vertical[1]
        image = _reduced(image, (horizontal[2], vertical[2]), part, _OF_PARTS[resample])
    if min(reductions) > 1:
        return image
    left, right = (0, size[0]) if reductions[0] > 1 else (left, right)
    top, bottom = (0, size[1]) if reductions[1] > 1 else (top, bottom)
    return image.resize(size, resample, (left, top, right, bottom))


@cache
def _opencv() -> ModuleType:
    """OpenCV, whose import takes 50 ms and which few recipes need."""
    import cv2

    cv2.setNumThreads(1)  # images are resized side by side, one on each thread
    return cv2


def _reduced(image: Image.Image, size: Size, box: Box, algorithm: ResizeAlg) -> Image.Image:
    left, top, right, bottom = box
    part = CropBox(left, top, _extent(left, right), _extent(top, bottom))
    options = ResizeOptions(algorithm, crop_box=part)
    made = Image.new(image.mode, size)
    _thread_state.resizer.resize_pil(image, made, options)
    return made


def _extent(start: float, end: float) -> float:
    """The length of a side; the start and the length together do not pass the end, as the resizer requires."""
    extent = end - start
    return extent if start + extent <= end else math.nextafter(extent, 0)
