"""The router's counters and its histogram for the metrics port."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol, TypeVar

from cronnx_router.arms import Arm
from cronnx_router.options import Options

Key = TypeVar("Key")

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class ShadowOutcome(Enum):
    """What an image given to the shadow is counted as; the values are those of the label `outcome`."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Metric(Protocol):
    """One series of a metric family."""

    def increment(self, value: float, /) -> None:
        """Add to a counter."""

    def observe(self, value: float, /) -> None:
        """Add a value to a histogram."""


class MetricFamily(Protocol):
    """All series of one name."""

    def Metric(self, **options: object) -> Metric:  # noqa: N802 - Triton's name
        """Make a series from its `labels` and, for a histogram, its `buckets`."""


class MetricFamilyType(Protocol):
    """Triton's class `MetricFamily`."""

    COUNTER: object
    HISTOGRAM: object

    def __call__(self, *, name: str, description: str, kind: object) -> MetricFamily:
        """Register a family, or find the one of that name."""


class Metrics:
    """Counts what each arm does. Every series exists from the start, with the value 0.

    The metric families are kept because Triton removes one without a reference.
    """

    def __init__(self, router_name: str, options: Options, *, make_family: MetricFamilyType) -> None:
        def family(name: str, description: str, kind: object) -> MetricFamily:
            return make_family(name=f"cronnx_router_{name}", description=description, kind=kind)

        counter = make_family.COUNTER
        images = family("images_total", "Images answered by an arm", counter)
        failures = family("failures_total", "Images an arm failed on, not by the caller's fault", counter)
        fallbacks = family("fallbacks_total", "Images of a failed arm given to the first arm", counter)
        latency = family("latency_seconds", "Duration of a call of an arm with all its images", make_family.HISTOGRAM)
        self._families = [images, failures, fallbacks, latency]

        labels = {arm: _labels(router_name, arm) for arm in options.weights}
        self._images = _series(images, labels)
        self._failures = _series(failures, labels)
        self._fallbacks = _series(fallbacks, labels)
        self._latency = _series(latency, labels, buckets=list(BUCKETS_S))
        self._shadow: Mapping[ShadowOutcome, Metric] = {}
        if options.shadow:
            shadow = family("shadow_images_total", "Images given to the shadow by outcome", counter)
            self._families.append(shadow)
            shadow_labels = _labels(router_name, options.shadow)
            self._shadow = _series(shadow, {each: {**shadow_labels, "outcome": each.value} for each in ShadowOutcome})

    def count_answered(self, arm: Arm, *, images: int, seconds: float) -> None:
        """Count a call that an arm answered."""
        self._images[arm].increment(images)
        self._latency[arm].observe(seconds)

    def count_failed(self, arm: Arm, *, images: int) -> None:
        """Count images that an arm failed on."""
        self._failures[arm].increment(images)

    def count_fallback(self, arm: Arm, *, images: int) -> None:
        """Count images of this arm that the first arm answers instead."""
        self._fallbacks[arm].increment(images)

    def count_shadow(self, outcome: ShadowOutcome, *, images: int) -> None:
        """Count images given to the shadow."""
        self._shadow[outcome].increment(images)


def _labels(router_name: str, arm: Arm) -> dict[str, str]:
    return {"router": router_name, "model": arm.model_name, "version": str(arm.model_version)}


def _series(family: MetricFamily, labels: Mapping[Key, dict[str, str]], **options: object) -> dict[Key, Metric]:
    return {key: family.Metric(labels=key_labels, **options) for key, key_labels in labels.items()}
