"""An arm that runs besides, to be compared with those that answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cronnx_router.arms import Arm
from cronnx_router.batches import Array, Content, Part, Tensors, gather
from cronnx_router.errors import Failure
from cronnx_router.metrics import Metrics, Outcome
from cronnx_router.options import TOP_1


class Shadow:
    """Compares the first class of what was answered with what the shadow would have answered.

    It takes at most half of the time there is: after a run it rests as long as that took, and what comes meanwhile is
    skipped, and counted as such. A slow shadow sees fewer images; it does not hold up those that are to be answered.
    """

    def __init__(
        self,
        arm: Arm,
        *,
        call: Callable[[Arm, Content, Sequence[str], object], Tensors | Failure],
        metrics: Metrics,
        clock_s: Callable[[], float],
    ) -> None:
        self._arm = arm
        self._call = call
        self._metrics = metrics
        self._clock_s = clock_s
        self._rests_until_s = -np.inf
        self._noted: list[tuple[Sequence[Part], Tensors]] = []

    def note(self, arm: Arm, parts: Sequence[Part], outputs: Tensors) -> None:
        """Keep what an arm answered; the shadow's own answers are not compared with themselves."""
        if arm != self._arm:
            self._noted.append((parts, outputs))

    def run(self) -> None:
        """Run on all that was noted."""
        noted, self._noted = self._noted, []
        parts = [part for of_arm, _ in noted for part in of_arm]
        images = sum(len(part.rows) for part in parts)
        if not noted:
            return
        if self._clock_s() < self._rests_until_s:
            self._metrics.shadowed(Outcome.SKIPPED, images=images)
            return
        shadowed = self._timed(gather(parts))
        if isinstance(shadowed, Failure):
            self._metrics.shadowed(Outcome.FAILED, images=images)
            return
        answered = np.concatenate([_top_1(outputs) for _, outputs in noted])
        agreed = int(np.count_nonzero(answered == _top_1(shadowed)))
        self._metrics.shadowed(Outcome.AGREED, images=agreed)
        self._metrics.shadowed(Outcome.DISAGREED, images=images - agreed)

    def _timed(self, inputs: Content) -> Tensors | Failure:
        started_s = self._clock_s()
        outputs = self._call(self._arm, inputs, (TOP_1,), None)  # in no trace: the requests are answered
        ended_s = self._clock_s()
        self._rests_until_s = ended_s + (ended_s - started_s)
        return outputs


def _top_1(outputs: Tensors) -> Array:
    array: Array = outputs[TOP_1].as_numpy()[:, 0]
    return array
