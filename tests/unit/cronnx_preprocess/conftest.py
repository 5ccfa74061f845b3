"""Pictures, files and options that the tests of the preprocess backend share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cronnx_preprocess.geometry import Recipe
from cronnx_preprocess.options import Layout, Options, Tensors

Encode = Callable[..., bytes]
MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """An RGB picture of 320x240 with detail at every scale and no symmetry."""
    rng = np.random.default_rng(seed=7)
    layers = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in (3, 12, 60)]
    grown = [Image.fromarray(layer).resize((320, 240), Image.Resampling.BICUBIC) for layer in layers]
    return Image.blend(Image.blend(grown[0], grown[1], 0.4), grown[2], 0.2)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """The bytes of an image's file."""

    def encode(image: Image.Image, name: str, **parameters: Any) -> bytes:
        file = BytesIO()
        image.save(file, name, **parameters)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def make_options() -> MakeOptions:
    """Options of a small model, with some of them changed."""

    def make(
        *,
        size: tuple[int, int] | None = (56, 56),
        layout: Layout = Layout.UINT8_NHWC,
        geometry_name: str = "",
        **changes: Any,
    ) -> Options:
        tensors = Tensors(
            input_name="image", output_name="pixels", geometry_name=geometry_name, layout=layout, canvas=size
        )
        fitted = {each.name: changes.pop(each.name) for each in fields(Recipe) if each.name in changes}
        return Options(tensors=tensors, recipe=Recipe(canvas=size, **fitted), **changes)

    return make
