"""What the router counts, for the server's metrics port."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol, TypeVar

from cronnx_router.arms import Arm
from cronnx_router.options import Options

Key = TypeVar("Key")

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Outcome(Enum):
    """What came of an image given to the shadow."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Metric(Protocol):
    """One labelled series."""

    def increment(self, value: float, /) -> None:
        """Count."""

    def observe(self, value: float, /) -> None:
        """Put a value into its bucket."""


class Family(Protocol):
    """The series of one name."""

    def Metric(self, **options: object) -> Metric:  # noqa: N802 - Triton's name
        """One of them: `labels`, and for a histogram `buckets`."""


class MakeFamily(Protocol):
    """Triton's `MetricFamily`."""

    COUNTER: object
    HISTOGRAM: object

    def __call__(self, *, name: str, description: str, kind: object) -> Family:
        """Register a family, or find it."""


class Metrics:
    """Counters and a histogram for every arm, from zero on.

    A family has to be kept as long as its series are used: without a reference Triton forgets it.
    """

    def __init__(self, router_name: str, options: Options, *, make_family: MakeFamily) -> None:
        def family(name: str, description: str, kind: object) -> Family:
            return make_family(name=f"cronnx_router_{name}", description=description, kind=kind)

        counter = make_family.COUNTER
        images = family("images_total", "Images that an arm has answered", counter)
        failures = family("failures_total", "Images that an arm has failed on, not by their own fault", counter)
        fallbacks = family("fallbacks_total", "Images of a failed arm given to the first arm", counter)
        latency = family("latency_seconds", "Time of a call of an arm, with all its images", make_family.HISTOGRAM)
        self._families = [images, failures, fallbacks, latency]

        labels = {arm: _labels(router_name, arm) for arm in options.weights}
        self._images = _series(images, labels)
        self._failures = _series(failures, labels)
        self._fallbacks = _series(fallbacks, labels)
        self._latency = _series(latency, labels, buckets=list(BUCKETS_S))
        self._shadowed: Mapping[Outcome, Metric] = {}
        if options.shadow:
            shadowed = family("shadow_images_total", "Images by what came of them in the shadow", counter)
            self._families.append(shadowed)
            of_shadow = _labels(router_name, options.shadow)
            self._shadowed = _series(shadowed, {each: {**of_shadow, "outcome": each.value} for each in Outcome})

    def answered(self, arm: Arm, *, images: int, seconds: float) -> None:
        """Count what an arm has answered in one call."""
        self._images[arm].increment(images)
        self._latency[arm].observe(seconds)

    def failed(self, arm: Arm, *, images: int) -> None:
        """Count what an arm has failed on."""
        self._failures[arm].increment(images)

    def fell_back(self, arm: Arm, *, images: int) -> None:
        """Count what the first arm is to answer in another's place."""
        self._fallbacks[arm].increment(images)

    def shadowed(self, outcome: Outcome, *, images: int) -> None:
        """Count what came of the shadow."""
        self._shadowed[outcome].increment(images)


def _labels(router_name: str, arm: Arm) -> dict[str, str]:
    return {"router": router_name, "model": arm.model_name, "version": str(arm.model_version)}


def _series(family: Family, labels: Mapping[Key, dict[str, str]], **options: object) -> dict[Key, Metric]:
    return {key: family.Metric(labels=of_key, **options) for key, of_key in labels.items()}
