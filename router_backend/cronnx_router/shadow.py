"""The shadow: an arm that gets the same images as the others, only to compare its answers with theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_router.arms import Arm
from cronnx_router.batches import RequestPart, Tensors, TensorsOrArrays, gather
from cronnx_router.errors import Failure
from cronnx_router.metrics import Metrics, ShadowOutcome
from cronnx_router.options import CLASS_ID

CallArm = Callable[[Arm, TensorsOrArrays, Sequence[str], object], Tensors | Failure]
"""Runs an arm on inputs and returns the outputs with the given names; the last argument is a trace or None."""


class Shadow:
    """Counts how often the shadow's first class equals that of the arm that answered.

    The shadow uses at most half of the time: after a run it pauses for as long as the run took, and images that are
    answered in the pause are counted as skipped. So a slow shadow sees fewer images instead of delaying requests.
    """

    def __init__(self, arm: Arm, *, call: CallArm, metrics: Metrics, clock_s: Callable[[], float]) -> None:
        self._arm = arm
        self._call = call
        self._metrics = metrics
        self._clock_s = clock_s
        self._paused_until_s = -np.inf
        self._answered: list[tuple[Sequence[RequestPart], Tensors]] = []

    def note(self, arm: Arm, parts: Sequence[RequestPart], outputs: Tensors) -> None:
        """Keep an arm's answer for the next run, unless the arm is the shadow itself."""
        if arm != self._arm:
            self._answered.append((parts, outputs))

    def run(self) -> None:
        """Run the shadow on the images of all kept answers, compare, and forget them."""
        answered, self._answered = self._answered, []
        if not answered:
            return
        parts = [part for arm_parts, _ in answered for part in arm_parts]
        images = sum(len(part.rows) for part in parts)
        if self._clock_s() < self._paused_until_s:
            self._metrics.count_shadow(ShadowOutcome.SKIPPED, images=images)
            return
        outputs = self._call_and_pause(gather(parts))
        if isinstance(outputs, Failure):
            self._metrics.count_shadow(ShadowOutcome.FAILED, images=images)
            return
        expected = np.concatenate([_first_class(each) for _, each in answered])
        agreed = int(np.count_nonzero(expected == _first_class(outputs)))
        self._metrics.count_shadow(ShadowOutcome.AGREED, images=agreed)
        self._metrics.count_shadow(ShadowOutcome.DISAGREED, images=images - agreed)

    def _call_and_pause(self, inputs: TensorsOrArrays) -> Tensors | Failure:
        started_s = self._clock_s()
        outputs = self._call(self._arm, inputs, (CLASS_ID,), None)  # no trace: the requests have their answers
        ended_s = self._clock_s()
        self._paused_until_s = ended_s + (ended_s - started_s)
        return outputs


def _first_class(outputs: Tensors) -> npt.NDArray[Any]:
    class_ids: npt.NDArray[Any] = outputs[CLASS_ID].as_numpy()[:, 0]
    return class_ids
