from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cronnx_preprocess.options import Layout, Options
from cronnx_preprocess.pixels import PixelWriter

MakeOptions = Callable[..., Options]
RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_uint8_pixels_are_written_as_they_are(make_options: MakeOptions) -> None:
    writer = PixelWriter(make_options(size=(6, 4)))
    out = np.empty(writer.shape((6, 4)), writer.dtype)
    writer.write(RGB, out, offset=(0, 0))
    np.testing.assert_array_equal(out, RGB)
    assert out.shape == (4, 6, 3)
    assert out.dtype == np.uint8


def test_fp32_pixels_are_normalised_channel_by_channel(make_options: MakeOptions) -> None:
    writer = PixelWriter(make_options(size=(6, 4), layout=Layout.FP32_NCHW, mean=MEAN, std=STD))
    out = np.empty(writer.shape((6, 4)), writer.dtype)
    writer.write(RGB, out, offset=(0, 0))
    np.testing.assert_allclose(out, ((RGB / 255 - MEAN) / STD).transpose(2, 0, 1), rtol=1e-5, atol=1e-6)
    assert out.shape == (3, 4, 6)
    assert out.dtype == np.float32


@pytest.mark.parametrize("layout", list(Layout))
def test_what_the_image_leaves_free_is_filled(layout: Layout, make_options: MakeOptions) -> None:
    writer = PixelWriter(make_options(size=(6, 8), layout=layout, fill=(114, 114, 114)))
    out = np.empty(writer.shape((6, 8)), writer.dtype)
    writer.write(RGB, out, offset=(0, 2))
    hwc = out.transpose(1, 2, 0) * 255 if layout is Layout.FP32_NCHW else out
    expected = np.pad(RGB, ((2, 2), (0, 0), (0, 0)), constant_values=114)
    np.testing.assert_allclose(hwc, expected, rtol=1e-5)
