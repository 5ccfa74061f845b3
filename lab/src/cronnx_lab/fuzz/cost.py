"""What files cost to preprocess: seconds of a core and megabytes, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from PIL.Image import Resampling

from cronnx_lab.fuzz.costly import Costly, costly
from cronnx_lab.fuzz.judgement import message_fault
from cronnx_lab.fuzz.tally import Tally, explore
from cronnx_preprocess import InvalidImageError, Options, Preprocessor, Tensors
from cronnx_preprocess.geometry import Recipe, Resize
from cronnx_preprocess.options import Layout

MOST_S = 1.0
MOST_MB = 300.0


@dataclass(frozen=True)
class Case:
    """A file, and the model that gets it.

    Attributes:
        file: The file.
        side: Both sides of the model's canvas.
        antialias: Whether the filter widens; without it, a JPEG is decoded in full.
        resize: How the image is resized.
    """

    file: Costly
    side: int
    antialias: bool
    resize: Resize

    @property
    def options(self) -> Options:
        """The options of the model; the limits are the defaults."""
        canvas = (self.side, self.side)
        return Options(
            tensors=Tensors(
                input_name="image", output_name="pixels", geometry_name="", layout=Layout.UINT8_NHWC, canvas=canvas
            ),
            recipe=Recipe(canvas=canvas, resize=self.resize),
            resample=Resampling.BILINEAR,
            antialias=self.antialias,
            threads=1,
        )


class Cost(NamedTuple):
    """What a case cost.

    Attributes:
        outcome: `answered`, `refused`, or what is wrong.
        seconds: The time of a core.
        megabytes: How much the memory of the process grew at most.
    """

    outcome: str
    seconds: float
    megabytes: float


def cases() -> st.SearchStrategy[Case]:
    """Costly files for models of usual sizes."""
    return st.builds(
        Case,
        costly(),
        side=st.sampled_from((224, 640)),
        antialias=st.booleans(),
        resize=st.sampled_from((Resize.SHORTEST_EDGE, Resize.LETTERBOX, Resize.EXACT)),
    )


def cost(case: Case) -> Cost:
    """Preprocess a file in a process of its own, and measure it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            before_mb = _memory_mb("VmRSS")
            os.write(writing, _outcome(case).encode()[:2000])
            os.write(writing, f"\n{before_mb}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
        outcome, _, before = pipe.read().rpartition("\n")
    _, status, usage = os.wait4(child, 0)
    if status:
        return Cost(f"died with status {status}", usage.ru_utime + usage.ru_stime, 0)
    return Cost(outcome, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000 - float(before))


def _outcome(case: Case) -> str:
    (answer,) = Preprocessor(case.options).preprocess([np.array([case.file.file], dtype=object)])
    if isinstance(answer, InvalidImageError):
        return message_fault(str(answer), sent=case.file.file) or "refused"
    return f"expected pixels or InvalidImageError, got {answer!r}" if isinstance(answer, Exception) else "answered"


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1000


def costs(count: int, *, seed: int, on_case: Callable[[], None]) -> Tally:
    """Measure `count` cases; one that passes a bound, or is neither answered nor refused, is wrong."""
    tally = Tally()

    def check(case: Case) -> None:
        found = cost(case)
        if found.seconds > MOST_S:
            # Other work on the machine slows this one; the least time is what the file costs.
            found = min(found, cost(case), cost(case), key=lambda each: each.seconds)
        fault = None if found.outcome in ("answered", "refused") else found.outcome
        if found.seconds > MOST_S or found.megabytes > MOST_MB:
            fault = f"expected at most {MOST_S} s and {MOST_MB} MB, got {found.seconds:.2f} s, {found.megabytes:.0f} MB"
        outcome = "wrong" if fault else found.outcome
        tally.add(outcome, fault=fault, case=case, seconds=found.seconds, megabytes=found.megabytes)
        on_case()

    explore(cases(), check, count=count, seed=seed)
    return tally
