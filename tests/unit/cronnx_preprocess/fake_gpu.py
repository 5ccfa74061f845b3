"""Stand-ins on the CPU for the modules `nvidia.nvimgcodec` and `cvcuda`: what `cronnx_preprocess.gpu` calls."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.Image import Resampling

Array = np.ndarray[Any, Any]


class Codec:
    """nvImageCodec: JPEGs only, orientation applied, None for a picture that cannot be decoded."""

    class BackendKind(Enum):
        GPU_ONLY = auto()
        HW_GPU_ONLY = auto()
        HYBRID_CPU_GPU = auto()

    Backend = BackendKind
    ColorSpec = SimpleNamespace(SRGB="sRGB")
    DecodeParams = SimpleNamespace

    def __init__(self) -> None:
        self.decoded: list[list[bytes]] = []
        self.fault: Exception | None = None

    def CodeStream(self, file: bytes) -> bytes:  # noqa: N802 - the name is NVIDIA's
        if not file.startswith(b"\xff\xd8\xff"):
            raise RuntimeError("Failed to get image info")
        return file

    def Decoder(self, **_: object) -> Codec:  # noqa: N802 - the name is NVIDIA's
        return self

    def decode(
        self, streams: Sequence[bytes], *, params: SimpleNamespace, cuda_stream: int
    ) -> list[Image.Image | None]:
        assert (params.apply_exif_orientation, params.color_spec, cuda_stream) == (True, "sRGB", Cv.Stream.handle)
        if self.fault:
            raise self.fault
        self.decoded.append(list(streams))
        return [_decoded(file) for file in streams]


def _decoded(file: bytes) -> Image.Image | None:
    try:
        return ImageOps.exif_transpose(Image.open(BytesIO(file), formats=("JPEG",))).convert("RGB")
    except OSError:
        return None


class Tensor:
    """A tensor of CV-CUDA."""

    def __init__(self, shape: tuple[int, ...], dtype: str, layout: str, *, rowalign: int) -> None:
        assert (dtype, layout, rowalign) == ("U8", "NHWC", 1), "Triton takes no rows with gaps"
        self.pixels = np.zeros(shape, np.uint8)

    def reshape(self, shape: tuple[int, ...], layout: str) -> Tensor:
        assert layout == "HWC"
        self.pixels = self.pixels.reshape(shape)
        return self

    def cuda(self) -> Array:
        return self.pixels


class Cv:
    """CV-CUDA: its operators on NumPy arrays and Pillow's images."""

    class Stream:
        handle = 7

        def __init__(self) -> None:
            self.is_current = self.is_synchronised = False

        def __enter__(self) -> None:
            self.is_current, self.is_synchronised = True, False

        def __exit__(self, error: object, *_: object) -> None:
            assert error or self.is_synchronised
            self.is_current = False

        def sync(self) -> None:
            self.is_synchronised = True

    Interp = SimpleNamespace(
        LINEAR=Resampling.BILINEAR,
        CUBIC=Resampling.BICUBIC,
        LANCZOS=Resampling.LANCZOS,
        BOX=Resampling.BOX,
        HAMMING=Resampling.HAMMING,
    )
    Format = SimpleNamespace(RGB8="RGB8")
    Border = SimpleNamespace(CONSTANT="constant")
    Type = SimpleNamespace(U8="U8")
    Tensor = Tensor

    @staticmethod
    def RectI(x: int, y: int, width: int, height: int) -> tuple[slice, slice]:  # noqa: N802 - the name is NVIDIA's
        return slice(y, y + height), slice(x, x + width)

    @staticmethod
    def as_images(images: list[Image.Image], layout: str) -> list[Image.Image]:
        assert layout == "RGB8"
        return images

    @staticmethod
    def pillowresize(
        images: list[Image.Image], sizes: list[tuple[int, int]], resample: Resampling
    ) -> list[Image.Image]:
        return [image.resize(size, resample) for image, size in zip(images, sizes, strict=True)]

    @staticmethod
    def resize(images: list[Image.Image], sizes: list[tuple[int, int]], resample: Resampling) -> list[Image.Image]:
        assert resample is Resampling.BILINEAR
        return [
            Image.fromarray(cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_LINEAR))
            for image, size in zip(images, sizes, strict=True)
        ]

    @staticmethod
    def as_tensor(image: Image.Image) -> Array:
        return np.asarray(image)

    @staticmethod
    def customcrop(image: Array, cut: tuple[slice, slice]) -> Array:
        return image[cut]

    @staticmethod
    def copymakeborder(
        image: Array, border: str, colour: list[float], *, top: int, bottom: int, left: int, right: int
    ) -> Array:
        assert border == "constant"
        height, width, _ = image.shape
        padded = np.empty((top + height + bottom, left + width + right, 3), np.uint8)
        padded[:] = colour
        padded[top : top + height, left : left + width] = image
        return padded

    @staticmethod
    def stack_into(out: Tensor, images: list[Array]) -> None:
        out.pixels[:] = images
