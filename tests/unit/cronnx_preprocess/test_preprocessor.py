from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cronnx_preprocess.cores import usable_cores
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.options import Layout, Options
from cronnx_preprocess.preprocessor import LARGE_NICENESS, NICENESS, Answer, Images, Preprocessor, thread_count
from tests.server.polling import until

Encode = Callable[..., bytes]
MakeOptions = Callable[..., Options]
LEAST_PRIORITY = 19
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def batch(*payloads: object) -> npt.NDArray[np.object_]:
    return np.array(payloads, np.object_).reshape(-1, 1)


@pytest.fixture
def files(encode: Encode) -> list[bytes]:
    return [encode(Image.new("RGB", (20, 10), colour), "PNG") for colour in COLOURS]


@pytest.fixture(params=[1, 3], ids=["alone", "on a pool"])
def preprocessor(request: pytest.FixtureRequest, make_options: MakeOptions) -> Iterator[Preprocessor]:
    preprocessor = Preprocessor(make_options(size=(8, 4), resize=Resize.EXACT, threads=request.param))
    yield preprocessor
    preprocessor.close()


def pixels(outcome: Answer) -> npt.NDArray[Any]:
    assert isinstance(outcome, Images), outcome
    return outcome.pixels


def test_each_request_gets_its_own_images_in_order(preprocessor: Preprocessor, files: list[bytes]) -> None:
    first, second = preprocessor.preprocess([batch(files[0]), batch(files[1], files[2])])
    assert pixels(first).shape == (1, 4, 8, 3)
    assert [tuple(image[0, 0]) for image in (*pixels(first), *pixels(second))] == COLOURS


def test_a_model_without_a_batch_dimension_gets_none_back(preprocessor: Preprocessor, files: list[bytes]) -> None:
    (outcome,) = preprocessor.preprocess([np.array([files[0]], np.object_)])
    assert pixels(outcome).shape == (4, 8, 3)
    assert tuple(pixels(outcome)[0, 0]) == COLOURS[0]


def test_a_bad_image_fails_its_request_alone(preprocessor: Preprocessor, files: list[bytes]) -> None:
    outcomes = preprocessor.preprocess([batch(files[0]), batch(files[1], b"", b"text"), batch(files[2])])
    assert isinstance(outcomes[1], InvalidImageError)
    assert str(outcomes[1]) == "image[1]: expected an image file, got 0 bytes"
    assert tuple(pixels(outcomes[0])[0, 0, 0]) == COLOURS[0]
    assert tuple(pixels(outcomes[2])[0, 0, 0]) == COLOURS[2]


def test_a_fault_of_our_own_fails_its_request_alone(preprocessor: Preprocessor, files: list[bytes]) -> None:
    # Triton hands over bytes; anything else stands for a bug.
    outcomes = preprocessor.preprocess([batch(3), batch(files[2])])
    assert isinstance(outcomes[0], TypeError)
    assert tuple(pixels(outcomes[1])[0, 0, 0]) == COLOURS[2]


def test_the_place_of_an_image_is_answered_if_the_model_declares_it(
    files: list[bytes], make_options: MakeOptions
) -> None:
    preprocessor = Preprocessor(make_options(size=(8, 8), resize=Resize.LETTERBOX, geometry_name="geometry"))
    (outcome,) = preprocessor.preprocess([batch(*files)])
    assert isinstance(outcome, Images)
    assert outcome.geometry is not None
    assert outcome.geometry.dtype == np.float32
    np.testing.assert_allclose(outcome.geometry, [[20, 10, 0.4, 0.4, 0, 2]] * 3)
    (single,) = preprocessor.preprocess([np.array([files[0]], np.object_)])
    assert isinstance(single, Images)
    assert single.geometry is not None
    assert single.geometry.shape == (6,)
    preprocessor.close()


def test_images_may_have_a_size_of_their_own_in_their_own_requests(encode: Encode, make_options: MakeOptions) -> None:
    preprocessor = Preprocessor(
        make_options(size=None, resize=Resize.LETTERBOX, resize_size=(64, 64), multiple=16, threads=1)
    )
    wide, tall = (encode(Image.new("RGB", size, "red"), "PNG") for size in ((40, 20), (20, 40)))
    first, second, both = preprocessor.preprocess([batch(wide, wide), batch(tall), batch(wide, tall)])
    assert pixels(first).shape == (2, 32, 64, 3)
    assert pixels(second).shape == (1, 64, 32, 3)
    assert isinstance(both, InvalidImageError)
    assert str(both) == (
        "expected images of one size after resizing in a request, got 32x64, 64x32; send each image in its own request"
    )


def test_one_large_picture_is_decoded_at_a_time_with_the_least_priority(
    make_options: MakeOptions, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronnx_preprocess.preprocessor.LARGE_BYTES", 1000)
    file = encode(Image.new("RGB", (20, 10), "red"), "PNG")
    own, before = os.getpriority(os.PRIO_PROCESS, 0), threads()
    preprocessor = Preprocessor(make_options(size=(8, 4), resize=Resize.EXACT, threads=3))
    read = preprocessor.read(batch(*[file] * 8))
    assert read.is_large
    (outcome,) = preprocessor.render([read])
    assert pixels(outcome).shape == (8, 4, 8, 3)
    (made,) = threads() - before
    assert os.getpriority(os.PRIO_PROCESS, made) == min(own + LARGE_NICENESS, LEAST_PRIORITY)
    preprocessor.close()


def test_a_request_with_a_bad_image_decodes_no_other(
    preprocessor: Preprocessor, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronnx_preprocess.preprocessor.render", lambda *_: pytest.fail("decoded"))
    (outcome,) = preprocessor.preprocess([batch(*files, b"", b"text")])
    assert str(outcome) == "image[3]: expected an image file, got 0 bytes"


def test_no_requests_are_no_outcomes(preprocessor: Preprocessor) -> None:
    assert preprocessor.preprocess([]) == []


def test_the_output_is_contiguous_in_either_layout(files: list[bytes], make_options: MakeOptions) -> None:
    preprocessor = Preprocessor(make_options(size=(8, 4), resize=Resize.EXACT, layout=Layout.FP32_NCHW, threads=1))
    (outcome,) = preprocessor.preprocess([batch(*files)])
    assert pixels(outcome).shape == (3, 3, 4, 8)
    assert pixels(outcome).dtype == np.float32
    assert pixels(outcome).flags.c_contiguous
    np.testing.assert_allclose(pixels(outcome)[0, :, 0, 0], [1, 0, 0], atol=1e-6)


def test_the_threads_of_a_pool_yield_to_the_network_and_the_process_does_not(
    make_options: MakeOptions, files: list[bytes]
) -> None:
    own, before = os.getpriority(os.PRIO_PROCESS, 0), threads()
    preprocessor = Preprocessor(make_options(size=(8, 4), resize=Resize.EXACT, threads=2))
    preprocessor.preprocess([batch(*files)])
    made, expected = threads() - before, {min(own + NICENESS, LEAST_PRIORITY)}
    until(  # a thread that has not begun when the others are done has not lowered its priority yet
        lambda: {os.getpriority(os.PRIO_PROCESS, thread) for thread in made} == expected, what=f"{made} yield"
    )
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
    preprocessor.close()


def test_the_processes_of_a_model_share_the_cores(make_options: MakeOptions) -> None:
    cores = usable_cores()
    assert thread_count(make_options()) == cores
    assert thread_count(make_options(processes=2)) == -(-cores // 2)
    assert thread_count(make_options(processes=100)) == 1
    assert thread_count(make_options(processes=2, threads=3)) == 3


def threads() -> set[int]:
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}
