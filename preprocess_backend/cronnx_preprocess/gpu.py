"""Renders JPEGs on a GPU: nvImageCodec decodes them, CV-CUDA resizes them with Pillow's or OpenCV's arithmetic.

Their pixels do not leave the GPU. A request is left to the CPU, which answers or refuses it as ever, if one of its
pictures is of another kind, very large or damaged. Headers are read and limits are checked before.

Sources: `python/decoder.cpp` of github.com/NVIDIA/nvImageCodec, and `cvcuda/__init__.pyi` of cvcuda-cu12 0.19.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.formats.header import UPRIGHT
from cronnx_preprocess.geometry import Fit
from cronnx_preprocess.options import Decoder, Layout, Options
from cronnx_preprocess.orientation import turn_size
from cronnx_preprocess.pixels import DeviceTensor
from cronnx_preprocess.preprocessor import Pictures, thread_count
from cronnx_preprocess.rendering import Picture

MAX_PIXELS = 2**24
"""The largest picture that the GPU decodes: it decodes in full, and three bytes a pixel."""

MAX_GROUP_PIXELS = 2**26
"""The most pixels of the pictures that are decoded together."""

PACKAGES = "requirements/gpu_decoding.txt"

_INTERPOLATIONS = {
    Resampling.BILINEAR: "LINEAR",
    Resampling.BICUBIC: "CUBIC",
    Resampling.LANCZOS: "LANCZOS",
    Resampling.BOX: "BOX",
    Resampling.HAMMING: "HAMMING",
}
"""CV-CUDA's names of the filters that its PillowResize has as Pillow has them."""

# libjpeg interpolates the colours of 4:2:0 too.
_DECODER_OPTIONS = ":fancy_upsampling=1"


def gpu_renderer(options: Options, *, kind: str, device_id: int) -> GpuRenderer | None:
    """Get what renders on the GPU of an instance; None if the model decodes on the CPU.

    Args:
        options: How to preprocess.
        kind: The kind of the instance, `GPU` or `CPU`.
        device_id: The number of its GPU.

    Raises:
        ConfigError: The model asks for the GPU, and its options, its instance or the machine do not allow it.
    """
    if options.decoder is Decoder.CPU:
        return None
    _check(options, kind)
    os.environ.setdefault("PYNVIMGCODEC_VERBOSITY", "0")  # it would log each damaged file
    try:
        import cvcuda
        from nvidia import nvimgcodec
    except ImportError as error:
        raise ConfigError(
            "parameter 'decoder'", f"expected the packages of {PACKAGES} for gpu, got: {error}"
        ) from error
    try:
        use_gpu = _gpu_user(device_id)
        return GpuRenderer(options, codec=nvimgcodec, cv=cvcuda, device_id=device_id, use_gpu=use_gpu)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            "parameter 'decoder'", f"expected GPU {device_id} to be usable for gpu, got: {error}"
        ) from error


def _check(options: Options, kind: str) -> None:
    if kind != "GPU":
        raise ConfigError("parameter 'decoder'", f"expected an instance of KIND_GPU for gpu, got KIND_{kind}")
    if options.tensors.layout is not Layout.UINT8_NHWC:
        raise ConfigError(
            "parameter 'decoder'", f"expected a TYPE_UINT8 output for gpu, got {options.tensors.layout.value}"
        )
    known = tuple(_INTERPOLATIONS) if options.antialias else (Resampling.BILINEAR,)
    if options.resample not in known:
        names, got = ", ".join(each.name.lower() for each in known), options.resample.name.lower()
        raise ConfigError("parameter 'decoder'", f"expected resample {names} for gpu, got {got}")


def _gpu_user(device_id: int) -> Callable[[], None]:
    """What makes a GPU the current one of a thread; CV-CUDA works on that."""
    driver = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        if status := getattr(driver, name)(*arguments):
            raise RuntimeError(f"{name} failed with CUDA error {status}")

    device, context = ctypes.c_int(), ctypes.c_void_p()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), device_id)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    return lambda: call("cuCtxSetCurrent", context)


class GpuRenderer:
    """Renders requests on one GPU, one call at a time."""

    def __init__(
        self,
        options: Options,
        *,
        codec: Any,  # noqa: ANN401 - the package is optional
        cv: Any,  # noqa: ANN401 - the package is optional
        device_id: int,
        use_gpu: Callable[[], None],
    ) -> None:
        """Make the decoder.

        Args:
            options: How to preprocess.
            codec: The module `nvidia.nvimgcodec`.
            cv: The module `cvcuda`.
            device_id: The number of the GPU.
            use_gpu: Makes it the current one of the calling thread.
        """
        use_gpu()
        self._codec, self._cv, self._use_gpu = codec, cv, use_gpu
        kinds = codec.BackendKind
        self._decoder = codec.Decoder(
            device_id=device_id,
            max_num_cpu_threads=thread_count(options),
            backends=[codec.Backend(kind) for kind in (kinds.HW_GPU_ONLY, kinds.GPU_ONLY, kinds.HYBRID_CPU_GPU)],
            options=_DECODER_OPTIONS,
        )
        self._params = codec.DecodeParams(apply_exif_orientation=True, color_spec=codec.ColorSpec.SRGB)
        self._stream = cv.Stream()
        self._resize = cv.pillowresize if options.antialias else cv.resize
        self._interpolation = getattr(cv.Interp, _INTERPOLATIONS[options.resample])
        self._fill = [float(each) for each in options.fill]

    def render(self, requests: Sequence[Pictures]) -> list[DeviceTensor | None]:
        """Decode and resize the pictures of several requests together.

        Returns:
            The pixels of each request, [batch, height, width, 3]; None if it is left to the CPU.
        """
        is_ours = [_is_for_gpu(request) for request in requests]
        if not any(is_ours):
            return [None] * len(requests)
        self._use_gpu()
        with self._stream:
            done = iter(self._render([request for request, ours in zip(requests, is_ours, strict=True) if ours]))
            self._stream.sync()
        return [next(done) if ours else None for ours in is_ours]

    def _render(self, requests: Sequence[Pictures]) -> list[DeviceTensor | None]:
        pictures = [each for request in requests for each in request.pictures if isinstance(each, Picture)]
        drawn = iter([tensor for group in _groups(pictures) for tensor in self._draw(group)])
        return [self._stacked(request, list(islice(drawn, request.size))) for request in requests]

    def _draw(self, pictures: Sequence[Picture]) -> list[Any]:
        """The pictures on their canvases; None in the place of one that cannot be decoded."""
        decoded = self._decode(pictures)
        found = {index: image for index, image in enumerate(decoded) if image is not None}
        if not found:
            return decoded
        fits = [pictures[index].fit for index in found]
        images = self._cv.as_images(list(found.values()), self._cv.Format.RGB8)
        small = self._resize(images, [fit.resized for fit in fits], self._interpolation)
        placed = {
            index: self._place(self._cv.as_tensor(image), fit)
            for index, image, fit in zip(found, small, fits, strict=True)
        }
        return [placed.get(index) for index in range(len(pictures))]

    def _decode(self, pictures: Sequence[Picture]) -> list[Any]:
        """The upright pictures in full; None in the place of one that cannot be decoded."""
        streams = [self._code_stream(picture) for picture in pictures]
        known = [stream for stream in streams if stream is not None]
        images = iter(self._decoder.decode(known, params=self._params, cuda_stream=self._stream.handle))
        decoded = [None if stream is None else next(images) for stream in streams]
        return [
            image if image is not None and _size(image) == _upright_size(picture) else None
            for image, picture in zip(decoded, pictures, strict=True)
        ]

    def _code_stream(self, picture: Picture) -> Any:  # noqa: ANN401 - the package is optional
        try:
            return self._codec.CodeStream(_with_orientation(picture))
        except RuntimeError:  # a header that Pillow may understand
            return None

    def _place(self, image: Any, fit: Fit) -> Any:  # noqa: ANN401 - the package is optional
        """Crop a resized image to the part that is shown, and pad that to the canvas."""
        (left, top), (width, height) = fit.offset, fit.size
        if fit.size != fit.resized:
            cut = self._cv.RectI(max(0, -int(fit.geometry.pad_x)), max(0, -int(fit.geometry.pad_y)), width, height)
            image = self._cv.customcrop(image, cut)
        if fit.size == fit.canvas:
            return image
        right, bottom = fit.canvas[0] - left - width, fit.canvas[1] - top - height
        return self._cv.copymakeborder(
            image, self._cv.Border.CONSTANT, self._fill, top=top, bottom=bottom, left=left, right=right
        )

    def _stacked(self, request: Pictures, images: Sequence[Any]) -> DeviceTensor | None:
        """The pixels of a request in one array without gaps, which is what Triton takes."""
        if any(image is None for image in images):
            return None
        width, height = _canvases(request).pop()
        out = self._cv.Tensor((len(images), height, width, 3), self._cv.Type.U8, "NHWC", rowalign=1)
        self._cv.stack_into(out, list(images))
        if not request.batch:
            out = out.reshape((height, width, 3), "HWC")
        tensor: DeviceTensor = out.cuda()
        return tensor


def _is_for_gpu(request: Pictures) -> bool:
    """Whether the GPU gives the same answer for a request as the CPU."""
    sound = all(isinstance(each, Picture) and _is_decodable(each) for each in request.pictures)
    return sound and not request.is_large and len(_canvases(request)) == 1


def _is_decodable(picture: Picture) -> bool:
    return picture.header.is_plain and _area(picture) <= MAX_PIXELS


def _canvases(request: Pictures) -> set[tuple[int, int]]:
    return {each.fit.canvas for each in request.pictures if isinstance(each, Picture)}


def _groups(pictures: Sequence[Picture]) -> Iterator[list[Picture]]:
    """Cut pictures into groups whose pixels fit the GPU's memory."""
    group: list[Picture] = []
    pixels = 0
    for picture in pictures:
        if group and pixels + _area(picture) > MAX_GROUP_PIXELS:
            yield group
            group, pixels = [], 0
        group.append(picture)
        pixels += _area(picture)
    yield group


def _area(picture: Picture) -> int:
    width, height = picture.header.size
    return width * height


def _size(image: Any) -> tuple[int, int]:  # noqa: ANN401 - the package is optional
    return image.width, image.height


def _upright_size(picture: Picture) -> tuple[int, int]:
    return turn_size(picture.header.size, picture.header.orientation)


def _with_orientation(picture: Picture) -> bytes:
    """The file with its orientation, which the reader of its header has left out, as EXIF: the decoder applies it."""
    file, orientation = picture.header.file, picture.header.orientation
    if orientation == UPRIGHT:
        return file
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes((orientation,)) + bytes(6)
    return file[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + file[2:]
