from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

FORMATS = {"Bgr8": "BGR", "Rgb8": "RGB", "Bgra8": "BGR", "BitmapPixelFormat_Bgr8": "BGR"}
RANGES = {"NominalRange_0_255": (1.0, 0.0), "Normalized_0_1": (1 / 255, 0.0), "Normalized_1_1": (1 / 127.5, 1.0)}


@pytest.mark.parametrize(("value", "order"), FORMATS.items())
def test_the_pixel_format_is_the_channel_order(tmp_path: Path, value: str, order: str) -> None:
    assert facts_of(tmp_path, metadata={"Image.BitmapPixelFormat": value}) == {"channel_order": order}


@pytest.mark.parametrize(("value", "expected"), RANGES.items())
def test_the_range_is_scale_and_mean(tmp_path: Path, value: str, expected: tuple[float, float]) -> None:
    scale, mean = expected
    facts = facts_of(tmp_path, metadata={"Image.NominalPixelRange": value})
    assert facts == {"scale": scale, "mean": (mean,) * 3, "std": (1.0,) * 3}


REFUSED = {
    "Image.BitmapPixelFormat": ("Gray8", r"expected Rgb8 or Bgr8, got Gray8"),
    "Image.NominalPixelRange": ("NominalRange_16_235", r"got NominalRange_16_235; .* --scale"),
    "Image.ColorSpaceGamma": ("Linear", r"metadata: Image\.ColorSpaceGamma: expected SRGB, got Linear"),
}


@pytest.mark.parametrize(("key", "case"), REFUSED.items())
def test_other_values_are_refused(tmp_path: Path, key: str, case: tuple[str, str]) -> None:
    with pytest.raises(ModelFileError, match=case[1]):
        facts_of(tmp_path, metadata={key: case[0]})
