"""Damaged pictures in this process: what the preprocess backend makes of them without a server around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from cronnx_lab.fuzz.damage import payloads
from cronnx_lab.fuzz.verdict import complaint
from cronnx_preprocess import InvalidImageError, Options, Preprocessor
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.options import Layout, Tensors
from cronnx_preprocess.resizing import FILTERS, resized

# So few that no case takes long, so many that every seed is within.
MAX_PIXELS = 10**6


@dataclass(frozen=True)
class Decoding:
    """A payload, and the options of the model that takes it."""

    payload: bytes
    options: Options


@dataclass(frozen=True)
class Resizing:
    """A picture of one colour, and which part of it is drawn at what size."""

    mode: str
    colour: tuple[int, ...]
    source: tuple[int, int]
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    resample: Image.Resampling


def decodings() -> st.SearchStrategy[Decoding]:
    """Any payload with any options."""
    sides = st.integers(1, 300)
    tensors = st.builds(
        Tensors,
        input_name=st.just("image"),
        output_name=st.just("pixels"),
        layout=st.sampled_from(Layout),
        size=st.tuples(sides, sides),
    )
    options = st.builds(
        Options,
        tensors=tensors,
        resize=st.sampled_from(Resize),
        resample=st.sampled_from(FILTERS),
        crop=st.floats(0.1, 1.0),
        max_pixels=st.just(MAX_PIXELS),
        threads=st.just(1),
    )
    return st.builds(Decoding, payloads().map(lambda payload: payload.content), options)


@st.composite
def resizings(draw: st.DrawFn) -> Resizing:
    """Sides of one pixel, slivers thinner than that, strips as long as files may be."""
    sides = st.sampled_from((1, 1, 2, 3)) | st.integers(1, 500)
    source = draw(st.tuples(sides, sides) | st.sampled_from(((30_000, 1), (1, 30_000), (65_535, 2), (2, 65_535))))
    (left, right), (top, bottom) = (sorted(draw(st.tuples(*[st.floats(0, side - 0.01)] * 2))) for side in source)
    box = (left, top, max(right, left + 0.01), max(bottom, top + 0.01))
    mode = draw(st.sampled_from(("L", "RGB", "RGBA")))
    colour = draw(st.tuples(*[st.integers(0, 255)] * len(mode)))
    return Resizing(mode, colour, source, box, draw(st.tuples(sides, sides)), draw(st.sampled_from(FILTERS)))


def decoding_fault(case: Decoding) -> str | None:
    """What is wrong with what is made of a payload; None where it is pixels, or a refusal fit for a caller."""
    preprocessor = Preprocessor(case.options)
    (outcome,) = preprocessor.preprocess([np.array([case.payload], dtype=object)])
    if isinstance(outcome, InvalidImageError):
        return complaint(str(outcome), sent=case.payload)
    if isinstance(outcome, Exception):
        return f"it raised {outcome!r}"
    return None


def resizing_fault(case: Resizing) -> str | None:
    """What is wrong with a picture of one colour after it was resized; None where it still has that colour alone."""
    source = Image.new(case.mode, case.source, case.colour if len(case.mode) > 1 else case.colour[0])
    pixels = np.asarray(resized(source, case.size, box=case.box, resample=case.resample), np.int16)
    if pixels.shape[:2] != case.size[::-1]:
        return f"it is {pixels.shape[1]}x{pixels.shape[0]}"
    seen = case.colour if case.mode != "RGBA" or case.colour[3] else (0, 0, 0, 0)
    return None if np.abs(pixels - np.array(seen)).max() <= _tolerance(case) else f"it has become {pixels[0, 0]}"


def _tolerance(case: Resizing) -> int:
    """In steps of 256: sums of weights round, and colours behind little alpha have few steps left."""
    return 2 if case.mode != "RGBA" else 2 + 255 // max(1, case.colour[3])
