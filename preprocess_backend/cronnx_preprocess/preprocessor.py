"""Preprocesses batches of payloads on every core."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.options import Options
from cronnx_preprocess.pixels import Pixels, PixelWriter
from cronnx_preprocess.rendering import render

Payloads = npt.NDArray[Any]
Answer = Pixels | Exception

NICENESS = 10
"""Added to the niceness of the process for the threads: a tenth of the CPU weight, see Linux `sched(7)`."""


class _Image(NamedTuple):
    element: str
    payload: bytes
    out: Pixels


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
            For each request its pixels, shaped like its payloads with the last 1 replaced by the output's dims, or
            the exception of its first image that failed: InvalidImageError if the payload is at fault, any other
            exception if this package is.
        """
        outputs = [np.empty(payloads.shape[:-1] + self._writer.shape, self._writer.dtype) for payloads in requests]
        images = [image for pair in zip(requests, outputs, strict=True) for image in self._images(*pair)]
        failures = iter(self._preprocess_all(images))
        answers: list[Answer] = []
        for payloads, out in zip(requests, outputs, strict=True):
            failed = [failure for failure in islice(failures, payloads.size) if failure]
            answers.append(failed[0] if failed else out)
        return answers

    def _images(self, payloads: Payloads, out: Pixels) -> Iterator[_Image]:
        name = self._options.tensors.input_name
        for index, image in enumerate(zip(payloads.flat, out.reshape(-1, *self._writer.shape), strict=True)):
            yield _Image(f"{name}[{index}]", *image)

    def _preprocess_all(self, images: Sequence[_Image]) -> Iterable[Exception | None]:
        if self._pool and len(images) > 1:
            return self._pool.map(self._preprocess, images)
        return map(self._preprocess, images)

    def _preprocess(self, image: _Image) -> Exception | None:
        try:
            rgb, offset = render(image.payload, self._options)
            self._writer.write(np.asarray(rgb), image.out, offset=offset)
        except InvalidImageError as error:
            return InvalidImageError(error.reason, element=image.element)
        except Exception as error:  # noqa: BLE001 - a fault in one image must not fail the others
            return error
        return None
