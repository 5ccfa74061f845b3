from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cronnx import InvalidInput
from cronnx._inputs import ImageLike, encoded, image_file
from cronnx._tensors import checked_tensors


@pytest.mark.parametrize("content", [b"\xff\xd8\0\0", bytearray(b"\xff\xd8\0\0"), memoryview(b"\xff\xd8\0\0")])
def test_bytes_are_taken_as_they_are(content: ImageLike) -> None:
    assert image_file(content) == b"\xff\xd8\0\0"


def test_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat\0")
    assert image_file(path) == image_file(str(path)) == b"cat\0"


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3), (3, 2, 3)])
def test_an_array_keeps_every_pixel(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    for each in (array, array[::-1, ::-1]):
        decoded = Image.open(io.BytesIO(image_file(each)))
        assert decoded.mode == ("RGB" if len(shape) == 3 else "L")
        assert (np.asarray(decoded) == each).all()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2, 3), np.float32), r"got float32 \[2, 2, 3\]; .*astype\(np.uint8\)"),
        (np.zeros((2, 2), np.uint16), r"got uint16 \[2, 2\]; "),
        (np.zeros((3, 20, 10), np.uint8), r"got uint8 \[3, 20, 10\]; .*transpose\(1, 2, 0\)"),
        (np.zeros((3, 20, 10), np.float32), r"got float32 \[3, 20, 10\]; .*transpose\(1, 2, 0\)"),
        (np.zeros((20, 10, 1), np.uint8), r"array\[:, :, 0\]"),
        (np.zeros((20, 10, 4), np.uint8), "PIL.Image, which names its channels"),
        (np.zeros((8, 20, 10, 3), np.uint8), r"list\(array\)"),
        (np.zeros((0, 10, 3), np.uint8), "one picture"),
        (np.zeros(10, np.uint8), "one picture"),
    ],
)
def test_an_array_that_is_not_a_picture_for_sure_is_refused(array: npt.NDArray[Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        image_file(array)


def test_an_open_file_is_read_from_its_position_and_can_be_read_again() -> None:
    file = io.BytesIO(b"headercat\0")
    file.seek(6)
    assert image_file(file) == image_file(file) == b"cat\0"


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"cat\0")
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert image_file(file) == b"cat\0"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (io.StringIO("cat"), "open it with mode 'rb'"),
        (io.BytesIO(), r"seek\(0\) first"),
    ],
)
def test_a_file_that_yields_no_bytes_is_refused(file: Any, reason: str) -> None:
    with file, pytest.raises(InvalidInput, match=reason):
        image_file(file)


def test_a_closed_file_is_refused() -> None:
    file = io.BytesIO(b"cat")
    file.close()
    with pytest.raises(InvalidInput, match=r"cannot read image from BytesIO: .*closed"):
        image_file(file)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_pil_image_keeps_every_pixel(mode: str) -> None:
    picture = Image.new(mode, (3, 2), 1)
    decoded = Image.open(io.BytesIO(image_file(picture)))
    assert decoded.mode.partition(";")[0] == mode.partition(";")[0]  # older Pillow opens 16 bits as I
    assert np.array_equal(np.asarray(decoded), np.asarray(picture))


def photo(kind: str, orientation: int | None = 6) -> io.BytesIO:
    exif = Image.Exif()
    if orientation:
        exif[0x112] = orientation
    file = io.BytesIO()
    Image.effect_noise((30, 20), 50).convert("RGB").save(file, kind, exif=exif)
    return file


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "MPO"])
def test_a_pil_image_that_was_only_opened_is_sent_as_its_file(kind: str) -> None:
    file = photo(kind)
    opened = Image.open(file)
    assert image_file(opened) == file.getvalue()
    assert image_file(opened) == file.getvalue()
    assert opened.tobytes() == Image.open(file).tobytes()  # the caller can still use it


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.putpixel((0, 0), (1, 2, 3)),
        lambda image: image.draft("L", (15, 10)),
        lambda image: image.getexif().update({0x112: 3}),
    ],
)
def test_a_pil_image_that_was_changed_is_sent_as_it_is_now(change: Callable[[Image.Image], object]) -> None:
    image = Image.open(photo("JPEG"))
    change(image)
    sent = Image.open(io.BytesIO(image_file(image)))
    assert sent.tobytes() == image.tobytes()
    assert sent.getexif()[0x112] == image.getexif()[0x112]


def test_a_pil_image_at_a_later_frame_is_sent_as_that_frame() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(file, "MPO", save_all=True, append_images=frames[1:])
    image = Image.open(file)
    image.seek(1)
    assert Image.open(io.BytesIO(image_file(image))).convert("RGB").getpixel((0, 0)) != (254, 0, 0)


def test_a_tiff_is_sent_as_upright_as_pillow_decodes_it() -> None:
    file = photo("TIFF")
    sent = Image.open(io.BytesIO(image_file(Image.open(file))))
    assert sent.size == (20, 30)
    assert 0x112 not in sent.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_decoded_pil_image_keeps_its_orientation(kind: str) -> None:
    image = Image.open(photo(kind)).convert("RGB")
    sent = Image.open(io.BytesIO(image_file(image)))
    assert sent.getexif()[0x112] == 6
    assert sent.tobytes() == image.tobytes()


def test_a_pil_image_with_broken_metadata_is_sent_without() -> None:
    image = Image.new("RGB", (3, 2))
    image.info["exif"] = b"broken"
    assert Image.open(io.BytesIO(image_file(image))).size == (3, 2)


@pytest.mark.parametrize("limit", [{"largest_png": 100}, {"most_png_pixels": 1199}])
def test_a_pil_image_whose_png_is_too_large_becomes_a_jpeg_on_white(limit: dict[str, int]) -> None:
    image = Image.new("RGBA", (40, 30), (200, 30, 60, 255))
    image.paste((1, 2, 3, 0), (0, 0, 20, 30))
    image.paste(Image.effect_noise((8, 8), 50), (30, 8))
    image.info["exif"] = Image.open(photo("JPEG")).info["exif"]
    sent = Image.open(io.BytesIO(encoded(image, **limit)))
    assert (sent.format, sent.getexif()[0x112]) == ("JPEG", 6)
    assert sent.getpixel((4, 4)) == (255, 255, 255)
    assert np.abs(np.subtract(sent.getpixel((25, 25)), (200, 30, 60))).max() <= 3


def test_a_pil_image_of_16_bits_stays_a_png() -> None:
    assert Image.open(io.BytesIO(encoded(Image.new("I;16", (40, 30)), largest_png=10))).format == "PNG"


def test_a_pil_image_that_png_cannot_hold_is_refused_by_its_mode() -> None:
    with pytest.raises(InvalidInput, match=r"mode 'CMYK': .*convert\('RGB'\)"):
        image_file(Image.new("CMYK", (1, 1)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read image '.*missing.jpg': No such file or directory"):
        image_file(tmp_path / "missing.jpg")


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Is a directory"):
        image_file(tmp_path)


def test_a_path_no_system_takes_is_refused() -> None:
    with pytest.raises(InvalidInput, match="null byte"):
        image_file("cat\0.jpg")


def test_pillow_stays_unimported_without_a_pil_image() -> None:
    program = "import sys, cronnx._inputs as i; i.image_file(b'cat'); sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_numbers_stay_as_they_are(dtype: Any) -> None:
    tensor = np.ones((2, 3), dtype)
    assert checked_tensors({"pixels": tensor})["pixels"] is tensor


@pytest.mark.parametrize(
    "tensor",
    [
        np.array([b"a", b"bc"]),
        np.array(["a", "bc"]),
        np.array(["a", np.str_("bc")], object),
        np.array([np.bytes_(b"a"), b"bc"], object),
        np.array([b"a", b"bc"], object),
    ],
)
def test_text_and_bytes_become_bytes(tensor: npt.NDArray[Any]) -> None:
    checked = checked_tensors({"user_id": tensor})["user_id"]
    assert checked.dtype == object
    assert checked.tolist() == [b"a", b"bc"]
    assert {type(element) for element in checked} == {bytes}


def test_bytes_of_any_class_keep_their_zeros() -> None:
    tensor = np.empty((1, 1), object)
    tensor[0, 0] = np.bytes_(b"BM\0\0")
    assert checked_tensors({"image": tensor})["image"].tolist() == [[b"BM\0\0"]]


def test_text_outside_ascii_is_sent_as_utf8() -> None:
    assert checked_tensors({"user_id": np.array(["ä"])})["user_id"].tolist() == ["ä".encode()]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ([1, 2], "'pixels': expected a numpy array, got list"),
        (np.ones(2, np.complex64), "'pixels': expected numbers.*got dtype complex64"),
        (np.array(["2024-01-01"], "datetime64[D]"), "'pixels': .*got dtype datetime64"),
        (np.array([1, b"a"], dtype=object), "'pixels': expected bytes or str, got int"),
        (np.array([b"BM\0a\0\0"]), "'pixels': expected dtype object.*drops zeros"),
        (np.array(["a\udcff"]), r"'pixels': expected text that UTF-8 can express, got 'a\\udcff'"),
    ],
)
def test_a_tensor_that_the_protocol_cannot_carry_is_refused_by_its_name(tensor: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_tensors({"pixels": tensor})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none.jpg", "cannot read image 'none.jpg': No such file or directory"),
        ("data:image/jpeg;base64,/9j/4AAQ", "give an image's content as bytes, not as text"),
        ("/9j/4AAQ" * 10_000, "give an image's content as bytes, not as text"),
        ("\xff\xd8\xff\0" * 10_000, "give an image's content as bytes, not as text"),
        (str(b"\xff\xd8\xff\0" * 10_000), "give an image's content as bytes, not as text"),
    ],
    ids=["no file", "data URL", "base64", "latin-1", "repr"],
)
def test_a_text_that_is_not_a_path_is_refused_in_few_words(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        image_file(text)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 200
