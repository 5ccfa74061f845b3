"""The corpus of bad input, without a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cronnx_lab.fuzz.judgement import message_fault
from cronnx_preprocess import Images, InvalidImageError, Options, Preprocessor, Tensors
from cronnx_preprocess.geometry import Recipe
from cronnx_preprocess.options import Layout
from tests.corpus.catalogue import PICTURES, REQUESTS
from tests.corpus.image_files import FORMATS, cut_short
from tests.corpus.pictures import Picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about what it found in the files

Preprocess = Callable[[bytes], Any]


@pytest.fixture(scope="module")
def preprocess() -> Iterator[Preprocess]:
    tensors = Tensors(
        input_name="image", output_name="pixels", geometry_name="", layout=Layout.UINT8_NHWC, canvas=(64, 64)
    )
    preprocessor = Preprocessor(Options(tensors=tensors, recipe=Recipe(canvas=(64, 64)), threads=1))

    def answer(content: bytes) -> Any:
        (outcome,) = preprocessor.preprocess([np.array([content], np.object_)])
        return outcome.pixels if isinstance(outcome, Images) else outcome

    yield answer
    preprocessor.close()


def test_there_are_more_than_sixty_kinds_each_named_once() -> None:
    kinds = [each.kind for each in (*PICTURES, *REQUESTS)]
    assert len(kinds) >= 60
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.kind)
def test_a_picture_gets_its_pixels_or_its_refusal(picture: Picture, preprocess: Preprocess) -> None:
    outcome = preprocess(picture.payload.content)
    if picture.refusal is None:
        assert isinstance(outcome, np.ndarray), outcome
    else:
        assert isinstance(outcome, InvalidImageError), outcome
        assert re.fullmatch(rf"image\[0\]: {picture.refusal}", str(outcome))
        assert message_fault(str(outcome)) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_ends_early_is_refused_or_has_lost_nothing_that_is_seen(name: str, preprocess: Preprocess) -> None:
    *parts, whole = cut_short(name)
    pixels = preprocess(whole)
    outcomes = [preprocess(part) for part in parts]
    served = [outcome for outcome in outcomes if isinstance(outcome, np.ndarray)]
    assert all(np.array_equal(outcome, pixels) for outcome in served)
    refused = [outcome for outcome in outcomes if not isinstance(outcome, np.ndarray)]
    assert all(isinstance(outcome, InvalidImageError) for outcome in refused)
    assert len(refused) > len(served)
