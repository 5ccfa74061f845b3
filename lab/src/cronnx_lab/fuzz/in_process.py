"""Damaged images in this process: what the preprocess backend does with them without a server."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from cronnx_lab.fuzz.images import payloads
from cronnx_lab.fuzz.judgement import message_fault
from cronnx_lab.fuzz.tally import Tally, tallied
from cronnx_preprocess import InvalidImageError, Options, Preprocessor
from cronnx_preprocess.geometry import Position, Recipe, Resize, Rounding
from cronnx_preprocess.options import Layout, Tensors
from cronnx_preprocess.resizing import FILTERS, resized

# A hundred times the slowest case.
HANG_S = 60

# Every sound file has fewer pixels, and no case takes long.
MAX_PIXELS = 10**6


@dataclass(frozen=True)
class Decoding:
    """A payload, and the options of the model that gets it."""

    payload: bytes
    options: Options


@dataclass(frozen=True)
class Resizing:
    """An image of one colour, the part of it to resize, and the size."""

    mode: str
    colour: tuple[int, ...]
    source: tuple[int, int]
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    resample: Image.Resampling


@st.composite
def options_of_models(draw: st.DrawFn) -> Options:
    """Any options that a model can have."""
    sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))
    canvas, resize = draw(sizes | st.none()), draw(st.sampled_from(Resize))
    if canvas is None and resize is Resize.EXACT:
        resize = Resize.LETTERBOX
    shorter, size = draw(st.integers(1, 300)), draw(sizes)
    recipe = Recipe(
        canvas=canvas,
        resize=resize,
        resize_size=(shorter, shorter) if resize is Resize.SHORTEST_EDGE else size,
        longest_edge=draw(st.integers(300, 400) | st.none()) if resize is Resize.SHORTEST_EDGE else None,
        multiple=draw(st.integers(1, 32)) if canvas is None else 1,
        position=draw(st.sampled_from(Position)),
        rounding=draw(st.sampled_from(Rounding)),
    )
    layout = Layout.UINT8_NHWC if canvas is None else draw(st.sampled_from(Layout))
    geometry_name = draw(st.sampled_from(("", "geometry")))
    resample = draw(st.sampled_from(FILTERS))
    return Options(
        tensors=Tensors(
            input_name="image", output_name="pixels", geometry_name=geometry_name, layout=layout, canvas=canvas
        ),
        recipe=recipe,
        resample=resample,
        antialias=resample is not Image.Resampling.BILINEAR or draw(st.booleans()),
        max_pixels=MAX_PIXELS,
        threads=1,
    )


def decodings() -> st.SearchStrategy[Decoding]:
    """Any payload with any options."""
    return st.builds(Decoding, payloads().map(lambda payload: payload.content), options_of_models())


@st.composite
def resizings(draw: st.DrawFn) -> Resizing:
    """Resizes with sides of one pixel, parts thinner than a pixel, and strips as long as files may be."""
    sides = st.sampled_from((1, 1, 2, 3)) | st.integers(1, 500)
    source = draw(st.tuples(sides, sides) | st.sampled_from(((30_000, 1), (1, 30_000), (65_535, 2), (2, 65_535))))
    (left, right), (top, bottom) = (sorted(draw(st.tuples(*[st.floats(0, side - 0.01)] * 2))) for side in source)
    box = (left, top, max(right, left + 0.01), max(bottom, top + 0.01))
    mode = draw(st.sampled_from(("L", "RGB", "RGBA")))
    colour = draw(st.tuples(*[st.integers(0, 255)] * len(mode)))
    return Resizing(mode, colour, source, box, draw(st.tuples(sides, sides)), draw(st.sampled_from(FILTERS)))


def decoding_fault(case: Decoding) -> str | None:
    """Say what is wrong with the outcome of a payload; None if it is pixels, or a refusal fit for a caller."""
    preprocessor = Preprocessor(case.options)
    (outcome,) = preprocessor.preprocess([np.array([case.payload], dtype=object)])
    if isinstance(outcome, InvalidImageError):
        return message_fault(str(outcome), sent=case.payload)
    if isinstance(outcome, Exception):
        return f"expected pixels or InvalidImageError, got {outcome!r}"
    return None


def resizing_fault(case: Resizing) -> str | None:
    """Say what is wrong with an image of one colour after resizing; None if it still has only that colour."""
    source = Image.new(case.mode, case.source, case.colour if len(case.mode) > 1 else case.colour[0])
    pixels = np.asarray(resized(source, case.size, box=case.box, resample=case.resample), np.int16)
    if pixels.shape[:2] != case.size[::-1]:
        return f"expected {case.size}, got {pixels.shape[1]}x{pixels.shape[0]}"
    expected = case.colour if case.mode != "RGBA" or case.colour[3] else (0, 0, 0, 0)
    return (
        None
        if np.abs(pixels - np.array(expected)).max() <= _tolerance(case)
        else f"expected {expected}, got {pixels[0, 0]}"
    )


def _tolerance(case: Resizing) -> int:
    """The allowed difference of a channel, of 256: weights are rounded, and a low alpha leaves few steps of colour."""
    return 2 if case.mode != "RGBA" else 2 + 255 // max(1, case.colour[3])


def in_process(count: int, *, seed: int, on_case: Callable[[], None]) -> dict[str, Tally]:
    """Decode and resize `count` cases each; a crash or a hang ends this process with a traceback."""
    faulthandler.enable()

    def watched() -> None:
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        on_case()

    try:
        return {
            "decoded here": tallied(decodings(), decoding_fault, count=count, seed=seed, on_case=watched),
            "resized here": tallied(resizings(), resizing_fault, count=count, seed=seed, on_case=watched),
        }
    finally:
        faulthandler.cancel_dump_traceback_later()
