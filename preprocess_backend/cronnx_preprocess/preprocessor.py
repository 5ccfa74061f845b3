"""Preprocesses batches of payloads on every core."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from cronnx_preprocess.cores import usable_cores
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Geometry
from cronnx_preprocess.options import Options
from cronnx_preprocess.pixels import DeviceTensor, Pixels, PixelWriter
from cronnx_preprocess.rendering import Picture, read_picture, render

Payloads = npt.NDArray[Any]


class Images(NamedTuple):
    """The preprocessed images of a request.

    Attributes:
        pixels: The pixels, shaped like the payloads with the last 1 replaced by the output's dims.
        geometry: FP32 [batch, 6] or [6], the fields of `Geometry`; None if the model does not declare it.
    """

    pixels: Pixels
    geometry: npt.NDArray[np.float32] | None


class DeviceImages(NamedTuple):
    """The preprocessed images of a request that a device rendered.

    Attributes:
        pixels: As in `Images`, in the memory of the device.
        geometry: As in `Images`.
    """

    pixels: DeviceTensor
    geometry: npt.NDArray[np.float32] | None


Answer = Images | DeviceImages | Exception

NICENESS = 10
"""Added to the niceness of the process for the threads: a tenth of the CPU weight, see Linux `sched(7)`."""

LARGE_NICENESS = 15
"""That of the thread for large pictures, so that it holds up the others as little as can be."""

LARGE_BYTES = 96_000_000
"""The cost from which a picture is large: a JPEG of 13 megapixels decoded in full, or a WebP of 6."""


class Pictures(NamedTuple):
    """The pictures of a request, none of them decoded.

    Attributes:
        batch: The shape of the payloads without the last 1.
        pictures: A picture for each payload, or the exception with which it is refused.
    """

    batch: tuple[int, ...]
    pictures: list[Picture | Exception]

    @property
    def size(self) -> int:
        """The number of pictures."""
        return len(self.pictures)

    @property
    def is_large(self) -> bool:
        """Whether one of them is so large that it is decoded on its own."""
        return any(isinstance(each, Picture) and each.cost_bytes > LARGE_BYTES for each in self.pictures)


class Device(Protocol):
    """Renders requests elsewhere than on the CPU."""

    def render(self, requests: Sequence[Pictures], /) -> Sequence[DeviceTensor | None]:
        """Render several requests; None in the place of one that is left to the CPU."""


def thread_count(options: Options) -> int:
    """The number of threads of this process: those asked for, or its share of the cores."""
    return options.threads or math.ceil(usable_cores() / options.processes)


class _Image(NamedTuple):
    element: str
    picture: Picture | Exception
    pixels: Pixels | None  # where to write the pixels; None where their size follows the image


class _Done(NamedTuple):
    pixels: Pixels
    geometry: Geometry


class Preprocessor:
    """Preprocesses batches of requests on threads of its own.

    What is under way has a bound in memory: a picture of up to LARGE_BYTES on each thread, and one larger one.
    """

    def __init__(self, options: Options, device: Device | None = None) -> None:
        self._options, self._device = options, device
        self._writer = PixelWriter(options)
        threads = thread_count(options)
        # Pillow decodes and resizes without the GIL. A network on the same cores has priority, so that requests wait
        # and are refused before this step, not after it, when they have cost its work.
        self._pool = _threads(threads, NICENESS) if threads > 1 else None
        self._large = _threads(1, LARGE_NICENESS)

    def close(self) -> None:
        """End the threads."""
        self._large.shutdown()
        if self._pool:
            self._pool.shutdown()

    def read(self, payloads: Payloads) -> Pictures:
        """Read the headers of a request's images.

        Args:
            payloads: The payloads, [batch, 1] or [1].
        """
        pictures = [self._read(payload, self._element(index)) for index, payload in enumerate(payloads.flat)]
        return Pictures(payloads.shape[:-1], pictures)

    def preprocess(self, requests: Sequence[Payloads]) -> list[Answer]:
        """Read and render the images of several requests; see `read` and `render`."""
        return self.render([self.read(payloads) for payloads in requests])

    def render(self, requests: Sequence[Pictures]) -> list[Answer]:
        """Decode and resize the images of several requests together.

        Returns:
            For each request its images, or the exception of its first image that failed: InvalidImageError if the
            payload is at fault, any other exception if this package is.
        """
        on_device = self._render_on_device(requests)
        left = [request for request, answer in zip(requests, on_device, strict=True) if answer is None]
        on_cpu = iter(self._render_on_cpu(left))
        return [next(on_cpu) if answer is None else answer for answer in on_device]

    def _render_on_device(self, requests: Sequence[Pictures]) -> list[Answer | None]:
        if self._device is None:
            return [None] * len(requests)
        try:
            tensors = self._device.render(requests)
        except Exception as error:  # noqa: BLE001 - raised, it would have the server answer queued requests twice
            return [error] * len(requests)
        return [
            None if tensor is None else DeviceImages(tensor, self._places(request))
            for request, tensor in zip(requests, tensors, strict=True)
        ]

    def _places(self, request: Pictures) -> npt.NDArray[np.float32] | None:
        return self._geometry(request, [each.fit.geometry for each in request.pictures if isinstance(each, Picture)])

    def _render_on_cpu(self, requests: Sequence[Pictures]) -> list[Answer]:
        outputs = [self._output(request) for request in requests]
        images = [image for pair in zip(requests, outputs, strict=True) for image in self._images(*pair)]
        is_large = any(request.is_large for request in requests)
        done = iter(self._render_all(images, is_large=is_large))
        return [
            self._answer(request, out, list(islice(done, request.size)))
            for request, out in zip(requests, outputs, strict=True)
        ]

    def _element(self, index: int) -> str:
        return f"{self._options.tensors.input_name}[{index}]"

    def _read(self, payload: bytes, element: str) -> Picture | Exception:
        try:
            return read_picture(payload, self._options)
        except InvalidImageError as error:
            return InvalidImageError(error.reason, element=element)
        except Exception as error:  # noqa: BLE001 - a fault in one image must not fail the others
            return error

    def _output(self, request: Pictures) -> Pixels | None:
        """The array of a request's pixels; None where their size follows the images, or one of them is refused."""
        canvas = self._options.recipe.canvas
        if canvas is None or any(isinstance(each, Exception) for each in request.pictures):
            return None
        return np.empty(request.batch + self._writer.shape(canvas), self._writer.dtype)

    def _images(self, request: Pictures, out: Pixels | None) -> Iterator[_Image]:
        rows = repeat(None, request.size) if out is None else out.reshape(-1, *out.shape[-3:])
        refusal = next((each for each in request.pictures if isinstance(each, Exception)), None)
        for index, (picture, pixels) in enumerate(zip(request.pictures, rows, strict=True)):
            yield _Image(self._element(index), refusal or picture, pixels)

    def _answer(self, request: Pictures, out: Pixels | None, done: Sequence[_Done | Exception]) -> Answer:
        images: list[_Done] = []
        for each in done:
            if isinstance(each, Exception):
                return each
            images.append(each)
        batch = request.batch
        if out is None:
            sizes = {image.pixels.shape for image in images}
            if len(sizes) > 1:
                return InvalidImageError(_different(sizes))
            out = np.stack([image.pixels for image in images]).reshape(*batch, *sizes.pop())
        return Images(out, self._geometry(request, [image.geometry for image in images]))

    def _geometry(self, request: Pictures, places: Sequence[Geometry]) -> npt.NDArray[np.float32] | None:
        if not self._options.tensors.geometry_name:
            return None
        return np.array(places, np.float32).reshape(*request.batch, 6)

    def _render_all(self, images: Sequence[_Image], *, is_large: bool) -> Iterable[_Done | Exception]:
        if is_large:
            return self._large.map(self._render, images)
        if self._pool and len(images) > 1:
            return self._pool.map(self._render, images)
        return map(self._render, images)

    def _render(self, image: _Image) -> _Done | Exception:
        element, picture, pixels = image
        if isinstance(picture, Exception):
            return picture
        try:
            rgb = render(picture, self._options)
            if pixels is None:
                pixels = np.empty(self._writer.shape(picture.fit.canvas), self._writer.dtype)
            self._writer.write(np.asarray(rgb), pixels, offset=picture.fit.offset)
        except InvalidImageError as error:
            return InvalidImageError(error.reason, element=element)
        except Exception as error:  # noqa: BLE001 - a fault in one image must not fail the others
            return error
        return _Done(pixels, picture.fit.geometry)


def _threads(count: int, niceness: int) -> ThreadPoolExecutor:
    lower_priority: dict[str, Any] = {"initializer": os.nice, "initargs": (niceness,)}
    return ThreadPoolExecutor(count, "preprocess", **lower_priority)


def _different(shapes: set[tuple[int, ...]]) -> str:
    sizes = ", ".join(sorted(f"{width}x{height}" for height, width, _ in shapes))
    return f"expected images of one size after resizing in a request, got {sizes}; send each image in its own request"
