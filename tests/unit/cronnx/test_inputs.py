from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cronnx import InvalidInput
from cronnx._inputs import ImageLike, checked_tensors, image_file


@pytest.mark.parametrize("content", [b"\xff\xd8\0\0", bytearray(b"\xff\xd8\0\0"), memoryview(b"\xff\xd8\0\0")])
def test_bytes_are_taken_as_they_are(content: ImageLike) -> None:
    assert image_file(content) == b"\xff\xd8\0\0"


def test_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat\0")
    assert image_file(path) == image_file(str(path)) == b"cat\0"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_pil_image_keeps_every_pixel(mode: str) -> None:
    picture = Image.new(mode, (3, 2), 1)
    decoded = Image.open(io.BytesIO(image_file(picture)))
    assert decoded.mode == mode
    assert decoded.tobytes() == picture.tobytes()


def test_a_pil_image_that_png_cannot_hold_is_refused_by_its_mode() -> None:
    with pytest.raises(InvalidInput, match=r"mode 'CMYK' as PNG.*convert\('RGB'\)"):
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


@pytest.mark.parametrize("elements", [[b"a", b"bc"], ["ä", "bc"]])
def test_text_and_bytes_become_objects(elements: list[Any]) -> None:
    checked = checked_tensors({"image": np.array(elements)})["image"]
    assert checked.dtype == object
    assert checked.tolist() == elements


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ([1, 2], "'pixels': expected a numpy array, got list"),
        (np.ones(2, np.complex64), "'pixels': expected numbers.*got dtype complex64"),
        (np.array(["2024-01-01"], "datetime64[D]"), "'pixels': .*got dtype datetime64"),
        (np.array([1, b"a"], dtype=object), "'pixels': expected bytes or str"),
    ],
)
def test_a_tensor_that_the_protocol_cannot_carry_is_refused_by_its_name(tensor: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_tensors({"pixels": tensor})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none.jpg", "cannot read image 'none.jpg': No such file or directory"),
        ("https://example.com/cat.jpg", "got a URL: download it first"),
        ("data:image/jpeg;base64,/9j/4AAQ", "give an image's content as bytes, not as text"),
        ("/9j/4AAQ" * 10_000, "give an image's content as bytes, not as text"),
        ("\xff\xd8\xff\0" * 10_000, "give an image's content as bytes, not as text"),
        (str(b"\xff\xd8\xff\0" * 10_000), "give an image's content as bytes, not as text"),
    ],
    ids=["no file", "URL", "data URL", "base64", "latin-1", "repr"],
)
def test_a_text_that_is_not_a_path_is_refused_in_few_words(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        image_file(text)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 200
