"""Rounds of legs, turn by turn, since a machine's speed changes while one measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cronnx_lab.measurement import Leg, Measurement
from cronnx_server import progress

Round = dict[Leg, Measurement]
SHORT_S = 0.5


class Contender(Protocol):
    """What can be measured."""

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Run one leg.

        Raises:
            SetupError: it cannot be measured.
        """


def warm_up(legs: Sequence[Leg], contenders: Mapping[str, Contender]) -> None:
    """Run legs shortly and forget what they gave."""
    for leg in legs:
        progress.step(f"Warming up: {leg}")
        contenders[leg.contender].measure(leg, seconds=SHORT_S)


def rounds(legs: Sequence[Leg], contenders: Mapping[str, Contender], *, count: int, seconds: float) -> Iterator[Round]:
    """Each round's measurements; every second round runs backwards, so that no leg gains by its place."""
    for number in range(1, count + 1):
        measured: Round = {}
        for leg in legs if number % 2 else reversed(legs):
            measurement = contenders[leg.contender].measure(leg, seconds=seconds)
            progress.step(f"Round {number} of {count}: {measurement.images_per_s:6.1f} images/s by {leg}")
            measured[leg] = measurement
        yield measured
