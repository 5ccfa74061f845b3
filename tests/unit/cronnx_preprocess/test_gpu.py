from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.Image import Resampling

from cronnx_preprocess import gpu
from cronnx_preprocess.errors import ConfigError, InvalidImageError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.gpu import GpuRenderer, gpu_renderer
from cronnx_preprocess.options import Decoder, Layout, Options
from cronnx_preprocess.preprocessor import Answer, DeviceImages, Images, Preprocessor
from tests.unit.cronnx_preprocess.fake_gpu import Codec, Cv

Encode = Callable[..., bytes]
MakeOptions = Callable[..., Options]
SMALL_DIFFERENCE = 3  # grey levels on average: libjpeg decodes at a smaller size, the GPU in full


def batch(*payloads: object) -> np.ndarray[Any, Any]:
    return np.array(payloads, np.object_).reshape(-1, 1)


@pytest.fixture
def codec() -> Codec:
    return Codec()


@pytest.fixture
def on_gpu(codec: Codec) -> Iterator[Callable[[Options], Preprocessor]]:
    """A preprocessor whose GPU is simulated."""
    made = []

    def make(options: Options) -> Preprocessor:
        renderer = GpuRenderer(options, codec=codec, cv=Cv(), device_id=0, use_gpu=lambda: None)
        made.append(Preprocessor(options, renderer))
        return made[-1]

    yield make
    for each in made:
        each.close()


def pixels(answer: Answer, kind: type[Images | DeviceImages]) -> np.ndarray[Any, Any]:
    assert isinstance(answer, kind), answer
    return np.asarray(answer.pixels)


def with_orientation(image: Image.Image, orientation: int, encode: Encode) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encode(image, "JPEG", exif=exif, quality=95)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "recipe",
    [
        {"size": (56, 48), "resize_size": (64, 64)},
        {"size": (64, 64), "resize": Resize.LETTERBOX, "fill": (114, 90, 7)},
        {"size": (64, 32), "resize": Resize.EXACT, "resample": Resampling.BILINEAR},
        {"size": (80, 64), "resize": Resize.LETTERBOX, "resample": Resampling.BILINEAR, "antialias": False},
        {"size": None, "resize": Resize.LETTERBOX, "resize_size": (80, 80)},
        {"size": (96, 96), "resize_size": (48, 48)},
    ],
    ids=["crop", "letterbox", "exact", "not antialiased", "variable", "padded"],
)
def test_the_gpu_answers_as_the_cpu(
    recipe: dict[str, Any],
    orientation: int,
    photo: Image.Image,
    encode: Encode,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
) -> None:
    options = make_options(**recipe, threads=1, geometry_name="geometry")
    request = batch(with_orientation(photo, orientation, encode))
    (ours,) = on_gpu(options).preprocess([request])
    (theirs,) = Preprocessor(options).preprocess([request])
    made, expected = pixels(ours, DeviceImages), pixels(theirs, Images)
    assert made.shape == expected.shape
    assert np.abs(made.astype(int) - expected).mean() < SMALL_DIFFERENCE
    assert isinstance(ours, DeviceImages)
    assert isinstance(theirs, Images)
    np.testing.assert_array_equal(ours.geometry, theirs.geometry)


def test_a_model_without_a_batch_dimension_gets_none_back(
    photo: Image.Image, encode: Encode, make_options: MakeOptions, on_gpu: Callable[[Options], Preprocessor]
) -> None:
    (answer,) = on_gpu(make_options(threads=1)).preprocess([np.array([encode(photo, "JPEG")], np.object_)])
    assert pixels(answer, DeviceImages).shape == (56, 56, 3)


@pytest.fixture
def left_to_the_cpu(photo: Image.Image, encode: Encode) -> dict[str, bytes]:
    """Files that Pillow reads, but that a GPU might read differently."""
    jpeg = encode(photo, "JPEG")
    return {
        "png": encode(photo, "PNG"),
        "grey": encode(photo.convert("L"), "JPEG"),
        "cmyk": encode(photo.convert("CMYK"), "JPEG"),
        "rgb": encode(photo, "JPEG", keep_rgb=True),
        "progressive": encode(photo, "JPEG", progressive=True),
        "more after its end": jpeg + b"\0",
    }


@pytest.mark.parametrize("kind", ["png", "grey", "cmyk", "rgb", "progressive", "more after its end"])
def test_what_the_gpu_might_read_differently_is_left_to_the_cpu(
    kind: str,
    left_to_the_cpu: dict[str, bytes],
    codec: Codec,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
) -> None:
    (answer,) = on_gpu(make_options(threads=1)).preprocess([batch(left_to_the_cpu[kind])])
    assert pixels(answer, Images).shape == (1, 56, 56, 3)
    assert codec.decoded == []


def test_a_picture_that_is_too_large_for_the_gpu_is_left_to_the_cpu(
    photo: Image.Image,
    encode: Encode,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "MAX_PIXELS", photo.width * photo.height - 1)
    (answer,) = on_gpu(make_options(threads=1)).preprocess([batch(encode(photo, "JPEG"))])
    pixels(answer, Images)


def test_limits_hold_before_the_gpu_sees_a_picture(
    photo: Image.Image,
    codec: Codec,
    encode: Encode,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
) -> None:
    (answer,) = on_gpu(make_options(threads=1, max_pixels=1000)).preprocess([batch(encode(photo, "JPEG"))])
    assert str(answer) == "image[0]: expected at most 1000 pixels, got 76800 (320x240); make it smaller"
    assert codec.decoded == []


def test_a_damaged_picture_fails_alone_with_the_words_of_the_cpu(
    photo: Image.Image, encode: Encode, make_options: MakeOptions, on_gpu: Callable[[Options], Preprocessor]
) -> None:
    sound = encode(photo, "JPEG")
    tables = sound.index(b"\xff\xdb")
    damaged = sound[:tables] + sound[sound.index(b"\xff\xc0") :]
    options = make_options(threads=1)
    first, second, third = on_gpu(options).preprocess([batch(sound), batch(sound, damaged), batch(sound, sound)])
    assert pixels(first, DeviceImages).shape == (1, 56, 56, 3)
    assert isinstance(second, InvalidImageError)
    assert str(second) == "image[1]: damaged JPEG image: its pixels cannot be read"
    assert pixels(third, DeviceImages).shape == (2, 56, 56, 3)


def test_pictures_that_fit_the_memory_together_are_decoded_together(
    photo: Image.Image,
    codec: Codec,
    encode: Encode,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "MAX_GROUP_PIXELS", 2 * photo.width * photo.height)
    file = encode(photo, "JPEG")
    first, second = on_gpu(make_options(threads=1)).preprocess([batch(*[file] * 3), batch(file, file)])
    assert [len(group) for group in codec.decoded] == [2, 2, 1]
    assert pixels(first, DeviceImages).shape == (3, 56, 56, 3)
    assert pixels(second, DeviceImages).shape == (2, 56, 56, 3)


def test_a_fault_of_the_gpu_is_the_answer(
    photo: Image.Image,
    codec: Codec,
    encode: Encode,
    make_options: MakeOptions,
    on_gpu: Callable[[Options], Preprocessor],
) -> None:
    codec.fault = RuntimeError("an illegal memory access was encountered")
    (answer,) = on_gpu(make_options(threads=1)).preprocess([batch(encode(photo, "JPEG"))])
    assert answer is codec.fault


def test_a_model_that_decodes_on_the_cpu_needs_no_gpu(make_options: MakeOptions) -> None:
    assert gpu_renderer(make_options(), kind="CPU", device_id=0) is None


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({}, "CPU", "expected an instance of KIND_GPU for gpu, got KIND_CPU"),
        ({"layout": Layout.FP32_NCHW}, "GPU", "expected a TYPE_UINT8 output for gpu, got TYPE_FP32"),
        ({"resample": Resampling.NEAREST}, "GPU", "expected resample bilinear, .* for gpu, got nearest"),
        ({"antialias": False}, "GPU", "expected resample bilinear for gpu, got bicubic"),
        ({}, "GPU", r"expected the packages of requirements/gpu_decoding\.txt for gpu, got: "),
    ],
)
def test_a_model_that_cannot_decode_on_the_gpu_does_not_load(
    changes: dict[str, Any],
    kind: str,
    reason: str,
    make_options: MakeOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cvcuda", None)
    with pytest.raises(ConfigError, match=f"^parameter 'decoder': {reason}"):
        gpu_renderer(make_options(decoder=Decoder.GPU, **changes), kind=kind, device_id=0)
