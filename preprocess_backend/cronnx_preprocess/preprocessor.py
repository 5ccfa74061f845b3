"""Preprocesses batches of payloads on every core."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Geometry
from cronnx_preprocess.options import Options
from cronnx_preprocess.pixels import Pixels, PixelWriter
from cronnx_preprocess.rendering import render

Payloads = npt.NDArray[Any]


class Images(NamedTuple):
    """The preprocessed images of a request.

    Attributes:
        pixels: The pixels, shaped like the payloads with the last 1 replaced by the output's dims.
        geometry: FP32 [batch, 6] or [6], the fields of `Geometry`; None if the model does not declare it.
    """

    pixels: Pixels
    geometry: npt.NDArray[np.float32] | None


Answer = Images | Exception

NICENESS = 10
"""Added to the niceness of the process for the threads: a tenth of the CPU weight, see Linux `sched(7)`."""


class _Image(NamedTuple):
    element: str
    payload: bytes
    pixels: Pixels | None  # where to write the pixels; None where their size follows the image


class _Done(NamedTuple):
    pixels: Pixels
    geometry: Geometry


class Preprocessor:
    """Preprocesses batches of requests on threads of its own."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._writer = PixelWriter(options)
        threads = options.threads or len(os.sched_getaffinity(0))
        # Pillow decodes and resizes without the GIL. A network on the same cores has priority, so that requests wait
        # and are refused before this step, not after it, when they have cost its work.
        lower_priority: dict[str, Any] = {"initializer": os.nice, "initargs": (NICENESS,)}
        self._pool = ThreadPoolExecutor(threads, "preprocess", **lower_priority) if threads > 1 else None

    def close(self) -> None:
        """End the threads."""
        if self._pool:
            self._pool.shutdown()

    def preprocess(self, requests: Sequence[Payloads]) -> list[Answer]:
        """Preprocess the images of several requests together.

        Args:
            requests: The payloads of each request, [batch, 1] or [1].

        Returns:
            For each request its images, or the exception of its first image that failed: InvalidImageError if the
            payload is at fault, any other exception if this package is.
        """
        outputs = [self._output(payloads) for payloads in requests]
        images = [image for pair in zip(requests, outputs, strict=True) for image in self._images(*pair)]
        done = iter(self._preprocess_all(images))
        return [
            self._answer(payloads, out, list(islice(done, payloads.size)))
            for payloads, out in zip(requests, outputs, strict=True)
        ]

    def _output(self, payloads: Payloads) -> Pixels | None:
        """The array of a request's pixels; None where their size follows the images."""
        canvas = self._options.recipe.canvas
        return np.empty(payloads.shape[:-1] + self._writer.shape(canvas), self._writer.dtype) if canvas else None

    def _images(self, payloads: Payloads, out: Pixels | None) -> Iterator[_Image]:
        name = self._options.tensors.input_name
        rows = repeat(None, payloads.size) if out is None else out.reshape(-1, *out.shape[-3:])
        for index, (payload, pixels) in enumerate(zip(payloads.flat, rows, strict=True)):
            yield _Image(f"{name}[{index}]", payload, pixels)

    def _answer(self, payloads: Payloads, out: Pixels | None, done: Sequence[_Done | Exception]) -> Answer:
        images: list[_Done] = []
        for each in done:
            if isinstance(each, Exception):
                return each
            images.append(each)
        batch = payloads.shape[:-1]
        if out is None:
            sizes = {image.pixels.shape for image in images}
            if len(sizes) > 1:
                return InvalidImageError(_different(sizes))
            out = np.stack([image.pixels for image in images]).reshape(*batch, *sizes.pop())
        if not self._options.tensors.geometry_name:
            return Images(out, None)
        return Images(out, np.array([image.geometry for image in images], np.float32).reshape(*batch, 6))

    def _preprocess_all(self, images: Sequence[_Image]) -> Iterable[_Done | Exception]:
        if self._pool and len(images) > 1:
            return self._pool.map(self._preprocess, images)
        return map(self._preprocess, images)

    def _preprocess(self, image: _Image) -> _Done | Exception:
        try:
            rgb, fit = render(image.payload, self._options)
            pixels = image.pixels
            if pixels is None:
                pixels = np.empty(self._writer.shape(fit.canvas), self._writer.dtype)
            self._writer.write(np.asarray(rgb), pixels, offset=fit.offset)
        except InvalidImageError as error:
            return InvalidImageError(error.reason, element=image.element)
        except Exception as error:  # noqa: BLE001 - a fault in one image must not fail the others
            return error
        return _Done(pixels, fit.geometry)


def _different(shapes: set[tuple[int, ...]]) -> str:
    sizes = ", ".join(sorted(f"{width}x{height}" for height, width, _ in shapes))
    return f"expected images of one size after resizing in a request, got {sizes}; send each image in its own request"
