"""Fake arms whose answers a test decides, and a fake metrics port that it can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx_router import Arm, Failure, Metrics, Options, Request, Router
from cronnx_router.arms import TrafficSplit
from cronnx_router.batches import as_array

STABLE, CANARY, SHADOW = Arm("stable", 1), Arm("canary", 2), Arm("shadow", 3)
REFUSED = Failure("no such picture", caller_at_fault=True, code=3)
BROKEN = Failure("out of memory", caller_at_fault=False, code=1)
FULL = Failure("in ensemble 'a', Exceeds maximum queue size", caller_at_fault=False, code=1)


@dataclass(frozen=True)
class HeldTensor:
    """A tensor in the server's memory."""

    array: npt.NDArray[Any]

    def as_numpy(self) -> npt.NDArray[Any]:
        return self.array


def request(*pixels: int, users: Sequence[bytes] | None = None, trace: object = None) -> Request:
    """A request of one pixel an image."""
    return Request({"pixels": HeldTensor(np.array(pixels)[:, None])}, users or [b""] * len(pixels), trace)


@dataclass
class Arms:
    """Arms that answer each image with its pixel as the class, and with their own name."""

    failures: dict[Arm, Failure] = field(default_factory=dict)
    refused_pixels: set[int] = field(default_factory=set)
    broken_pixels: set[int] = field(default_factory=set)
    class_id_of: Callable[[Arm, int], int] = lambda arm, pixel: pixel  # noqa: ARG005 - the default of a field
    seconds: dict[Arm, float] = field(default_factory=dict)
    now_s: float = 0.0
    calls: list[tuple[Arm, dict[str, Any], tuple[str, ...]]] = field(default_factory=list)
    traces: list[object] = field(default_factory=list)

    def call(self, arm: Arm, inputs: Any, outputs: Sequence[str], trace: object) -> dict[str, HeldTensor] | Failure:
        self.calls.append((arm, dict(inputs), tuple(outputs)))
        self.traces.append(trace)
        self.now_s += self.seconds.get(arm, 0.0)
        pixels = as_array(inputs["pixels"])[:, 0].tolist()
        if arm in self.failures:
            return self.failures[arm]
        if self.refused_pixels & set(pixels):
            return REFUSED
        if self.broken_pixels & set(pixels):
            return BROKEN
        given = {
            "class_id": np.array([[self.class_id_of(arm, pixel), -1] for pixel in pixels]),
            "served_by": np.array([[str(arm).encode()] for _ in pixels], dtype=object),
        }
        return {name: HeldTensor(given[name]) for name in outputs}

    def called(self) -> list[Arm]:
        return [arm for arm, _, _ in self.calls]


class FakeFamily:
    """Triton's `MetricFamily`, in memory."""

    COUNTER, HISTOGRAM = "counter", "histogram"

    def __init__(self, *, name: str, description: str, kind: object) -> None:
        assert description
        self.name, self.kind = name, kind
        self.series: list[FakeMetric] = []

    def Metric(self, *, labels: dict[str, str], **options: object) -> FakeMetric:  # noqa: N802 - Triton's name
        assert set(options) == ({"buckets"} if self.kind == self.HISTOGRAM else set())
        self.series.append(FakeMetric(labels))
        return self.series[-1]


@dataclass
class FakeMetric:
    labels: dict[str, str]
    value: float = 0
    observed: list[float] = field(default_factory=list)

    def increment(self, value: float, /) -> None:
        self.value += value

    def observe(self, value: float, /) -> None:
        self.observed.append(value)


class Port:
    """All metric families that were made."""

    def __init__(self) -> None:
        self.families: list[FakeFamily] = []

    COUNTER, HISTOGRAM = FakeFamily.COUNTER, FakeFamily.HISTOGRAM

    def __call__(self, **description: Any) -> FakeFamily:
        self.families.append(FakeFamily(**description))
        return self.families[-1]

    def read(self, name: str, label: str = "model") -> dict[str, float]:
        """A counter's values by one of its labels."""
        values: dict[str, float] = defaultdict(float)
        for series in self.series(name):
            values[series.labels[label]] += series.value
        return {key: value for key, value in values.items() if value}

    def series(self, name: str) -> list[FakeMetric]:
        return [
            series for family in self.families if family.name == f"cronnx_router_{name}" for series in family.series
        ]


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def arms() -> Arms:
    return Arms()


@pytest.fixture
def make_router(arms: Arms, port: Port) -> Callable[..., Router]:
    """A router over the arms: a user named `canary` gets the canary."""

    def make(*, shadow: Arm | None = None) -> Router:
        options = Options(
            weights={STABLE: 90.0, CANARY: 10.0},
            shadow=shadow,
            inputs=("pixels",),
            outputs=("class_id", "served_by"),
        )
        metrics = Metrics("router", options, make_family=port)
        return Router(options, call=arms.call, metrics=metrics, split=SplitByName(), clock_s=lambda: arms.now_s)

    return make


class SplitByName(TrafficSplit):
    """Gives the user `canary` the canary, and everybody else the stable arm."""

    def __init__(self) -> None:
        super().__init__({STABLE: 1, CANARY: 1})

    def arm(self, user_id: bytes = b"") -> Arm:
        return CANARY if user_id == b"canary" else STABLE
