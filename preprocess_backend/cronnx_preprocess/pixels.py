"""Writes RGB pixels into an output array, in its layout and data type."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cronnx_preprocess.geometry import Size
from cronnx_preprocess.options import Layout, Options

Pixels = npt.NDArray[Any]


class DeviceTensor(Protocol):
    """An array on a GPU, which its consumer takes over by DLPack."""

    def __dlpack__(self, stream: Any = ...) -> Any:  # noqa: ANN401 - a capsule, for a stream of the consumer
        """Hand the array over."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """The kind and the number of the device."""


class PixelWriter:
    """Writes RGB images into output arrays.

    Attributes:
        dtype: The data type of an output.
    """

    def __init__(self, options: Options) -> None:
        std = np.asarray(options.std, np.float32).reshape(3, 1, 1)
        self._chw = options.tensors.layout is Layout.FP32_NCHW
        self._scale = 1 / (255 * std)
        self._shift = -np.asarray(options.mean, np.float32).reshape(3, 1, 1) / std
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if self._chw else np.uint8)
        self._padding = np.empty((3, 1, 1) if self._chw else (1, 1, 3), self.dtype)
        self._fill(np.array(options.fill, np.uint8).reshape(1, 1, 3), self._hwc(self._padding))

    def shape(self, canvas: Size) -> tuple[int, int, int]:
        """The shape of the output of a canvas, without the batch."""
        width, height = canvas
        return (3, height, width) if self._chw else (height, width, 3)

    def write(self, rgb: npt.NDArray[np.uint8], out: Pixels, *, offset: tuple[int, int]) -> None:
        """Write an image, and pad around it.

        Args:
            rgb: The pixels, [height, width, 3].
            out: An array of the output's shape and `dtype`, overwritten.
            offset: The (left, top) of the image in the output.
        """
        height, width, _ = rgb.shape
        left, top = offset
        hwc = self._hwc(out)
        part = hwc[top : top + height, left : left + width]
        if part.shape != hwc.shape:
            self._pad(out)
        self._fill(rgb, part)

    def _hwc(self, out: Pixels) -> Pixels:
        return out.transpose(1, 2, 0) if self._chw else out

    def _pad(self, out: Pixels) -> None:
        if self._chw:
            out[...] = self._padding
        else:  # whole rows: numpy would copy three bytes at a time
            out[0] = self._padding
            out[1:] = out[0]

    def _fill(self, rgb: npt.NDArray[np.uint8], hwc: Pixels) -> None:
        if self._chw:
            chw = hwc.transpose(2, 0, 1)
            np.multiply(rgb.transpose(2, 0, 1), self._scale, out=chw)
            np.add(chw, self._shift, out=chw)
        else:
            hwc[...] = rgb
