"""The way of a batch of requests through the arms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

from cronnx_router.arms import Arm
from cronnx_router.batches import Content, Part, Pieces, Request, Tensors, gather, scatter
from cronnx_router.errors import Failure
from cronnx_router.metrics import Metrics
from cronnx_router.options import Options
from cronnx_router.shadow import Shadow
from cronnx_router.split import Split

Answer = Content | Failure
Call = Callable[[Arm, Content, Sequence[str], object], Tensors | Failure]
"""Runs an arm on inputs and gives the outputs named; within a trace, where there is one."""


class Router:
    """Sends every image to its arm, in one call an arm, one call after the other.

    Never two calls at once: concurrent BLS calls of one process end the whole server, in Triton 24.10 as in 26.05
    (triton-inference-server/server issue 8882). Instances are processes: more of them overlap.
    """

    def __init__(
        self,
        options: Options,
        *,
        call: Call,
        metrics: Metrics,
        split: Split | None = None,
        clock_s: Callable[[], float] = perf_counter,
    ) -> None:
        self._split = split or Split(options.weights)
        self._stable = next(iter(options.weights))
        self._outputs = options.outputs
        self._call = call
        self._metrics = metrics
        self._clock_s = clock_s
        self._shadow = Shadow(options.shadow, call=call, metrics=metrics, clock_s=clock_s) if options.shadow else None

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        """Each request's answer with its place in the batch, as they come: a failure fails its own request."""
        pieces = [Pieces(len(request.user_ids)) for request in requests]
        failed: set[int] = set()
        for arm, parts in self._assigned(requests).items():
            for part, answer in self._answered(arm, parts):
                if part.request in failed:
                    continue
                if isinstance(answer, Failure):
                    failed.add(part.request)
                    yield part.request, answer
                elif pieces[part.request].add(part, answer):
                    yield part.request, pieces[part.request].joined()

    def shadow(self) -> None:
        """Run the shadow on what was answered since; nobody waits for it."""
        if self._shadow:
            self._shadow.run()

    def _assigned(self, requests: Sequence[Request]) -> Mapping[Arm, list[Part]]:
        parts: dict[Arm, list[Part]] = defaultdict(list)
        for index, request in enumerate(requests):
            rows: dict[Arm, list[int]] = defaultdict(list)
            for row, user_id in enumerate(request.user_ids):
                rows[self._split.arm(user_id)].append(row)
            for arm, of_arm in rows.items():
                part = Part(index, request.inputs, of_arm, is_whole=len(rows) == 1, trace=request.trace)
                parts[arm].append(part)
        return parts

    def _answered(self, arm: Arm, parts: Sequence[Part]) -> Iterator[tuple[Part, Answer]]:
        outputs = self._measured(arm, parts)
        if not isinstance(outputs, Failure):
            if self._shadow:
                self._shadow.note(arm, parts, outputs)
            yield from zip(parts, scatter(outputs, parts), strict=True)
        elif len(parts) > 1 and (outputs.caller_at_fault or arm == self._stable) and not outputs.is_overload:
            # One of them may be at fault, and only that one is to fail; Triton 24.10 does not say whose fault it is.
            for part in parts:
                yield from self._answered(arm, [part])
        else:
            yield from self._not_answered(arm, parts, outputs)

    def _not_answered(self, arm: Arm, parts: Sequence[Part], failure: Failure) -> Iterator[tuple[Part, Answer]]:
        if not failure.caller_at_fault:
            self._metrics.failed(arm, images=_size(parts))
        if failure.caller_at_fault or arm == self._stable:
            yield from ((part, failure) for part in parts)
        else:
            self._metrics.fell_back(arm, images=_size(parts))
            yield from self._answered(self._stable, parts)

    def _measured(self, arm: Arm, parts: Sequence[Part]) -> Tensors | Failure:
        # A call has one trace: of the requests that share it, the first one traced shows it.
        trace = next((part.trace for part in parts if part.trace is not None), None)
        started_s = self._clock_s()
        outputs = self._call(arm, gather(parts), self._outputs, trace)
        if not isinstance(outputs, Failure):
            self._metrics.answered(arm, images=_size(parts), seconds=self._clock_s() - started_s)
        return outputs


def _size(parts: Sequence[Part]) -> int:
    return sum(len(part.rows) for part in parts)
