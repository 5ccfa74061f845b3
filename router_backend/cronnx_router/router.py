"""Routes a batch of requests: each image to its arm, each answer to its request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

from cronnx_router.arms import Arm, TrafficSplit
from cronnx_router.batches import PartialAnswer, Request, RequestPart, Tensors, TensorsOrArrays, gather, scatter
from cronnx_router.errors import Failure
from cronnx_router.metrics import Metrics
from cronnx_router.options import Options
from cronnx_router.shadow import CallArm, Shadow

Answer = TensorsOrArrays | Failure


class Router:
    """Calls each arm once for a batch, one arm after the other.

    Concurrent BLS calls of one process crash the whole server, in Triton 24.10 and 26.05 alike
    (triton-inference-server/server issue 8882). Instances are processes, so several instances overlap their calls.
    """

    def __init__(
        self,
        options: Options,
        *,
        call: CallArm,
        metrics: Metrics,
        split: TrafficSplit | None = None,
        clock_s: Callable[[], float] = perf_counter,
    ) -> None:
        """Route as the options say.

        Args:
            options: The arms, the shadow and the tensors.
            call: Runs an arm.
            metrics: Counts.
            split: Chooses the arm of an image; by default by the weights in `options`.
            clock_s: The time, in seconds.
        """
        self._split = split or TrafficSplit(options.weights)
        self._stable = next(iter(options.weights))
        self._outputs = options.outputs
        self._call = call
        self._metrics = metrics
        self._clock_s = clock_s
        self._shadow = Shadow(options.shadow, call=call, metrics=metrics, clock_s=clock_s) if options.shadow else None

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        """Answer each request as soon as all its images are answered, or one has failed.

        Yields:
            The index of a request, and its answer; each request once.
        """
        partial_answers = [PartialAnswer(len(request.user_ids)) for request in requests]
        failed: set[int] = set()
        for arm, parts in self._parts_by_arm(requests).items():
            for part, answer in self._answer(arm, parts):
                if part.request in failed:
                    continue
                if isinstance(answer, Failure):
                    failed.add(part.request)
                    yield part.request, answer
                elif partial_answers[part.request].add(part, answer):
                    yield part.request, partial_answers[part.request].joined()

    def run_shadow(self) -> None:
        """Run the shadow, if there is one, on what was answered since the last run."""
        if self._shadow:
            self._shadow.run()

    def _parts_by_arm(self, requests: Sequence[Request]) -> Mapping[Arm, list[RequestPart]]:
        parts: dict[Arm, list[RequestPart]] = defaultdict(list)
        for index, request in enumerate(requests):
            rows_by_arm: dict[Arm, list[int]] = defaultdict(list)
            for row, user_id in enumerate(request.user_ids):
                rows_by_arm[self._split.arm(user_id)].append(row)
            is_whole = len(rows_by_arm) == 1
            for arm, rows in rows_by_arm.items():
                parts[arm].append(RequestPart(index, request.inputs, rows, is_whole=is_whole, trace=request.trace))
        return parts

    def _answer(self, arm: Arm, parts: Sequence[RequestPart]) -> Iterator[tuple[RequestPart, Answer]]:
        outputs = self._call_measured(arm, parts)
        if not isinstance(outputs, Failure):
            if self._shadow:
                self._shadow.note(arm, parts, outputs)
            yield from zip(parts, scatter(outputs, parts), strict=True)
        elif len(parts) > 1 and (outputs.caller_at_fault or arm == self._stable) and not outputs.is_overload:
            # One request may have failed the batch, and only that one may fail. Triton 24.10 does not say which.
            for part in parts:
                yield from self._answer(arm, [part])
        else:
            yield from self._fail_or_fall_back(arm, parts, outputs)

    def _fail_or_fall_back(
        self, arm: Arm, parts: Sequence[RequestPart], failure: Failure
    ) -> Iterator[tuple[RequestPart, Answer]]:
        if not failure.caller_at_fault:
            self._metrics.count_failed(arm, images=_image_count(parts))
        if failure.caller_at_fault or arm == self._stable:
            yield from ((part, failure) for part in parts)
        else:
            self._metrics.count_fallback(arm, images=_image_count(parts))
            yield from self._answer(self._stable, parts)

    def _call_measured(self, arm: Arm, parts: Sequence[RequestPart]) -> Tensors | Failure:
        # A call belongs to one trace at most: that of the first traced request of the batch.
        trace = next((part.trace for part in parts if part.trace is not None), None)
        started_s = self._clock_s()
        outputs = self._call(arm, gather(parts), self._outputs, trace)
        if not isinstance(outputs, Failure):
            self._metrics.count_answered(arm, images=_image_count(parts), seconds=self._clock_s() - started_s)
        return outputs


def _image_count(parts: Sequence[RequestPart]) -> int:
    return sum(len(part.rows) for part in parts)
