"""Load on a server whose models are swapped, and the check that each answer is by a version that was live."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from cronnx import AsyncClient, CronnxError, Retry

ONCE = Retry(attempts=1)


@dataclass(frozen=True)
class Answer:
    sent_at: float
    received_at: float
    served_by: str


@dataclass
class Live:
    """A version and the time in which it may answer."""

    served_by: str
    since: float
    until: float = math.inf


class SwapLoad:
    """The answers to some callers, and the versions that were live in the meantime."""

    def __init__(self, live: str, *, callers: int) -> None:
        self.callers = callers
        self.answers: list[Answer] = []
        self.failures: list[CronnxError] = []
        self.swaps_s: dict[str, list[float]] = defaultdict(list)
        self._live = [Live(live, since=-math.inf)]
        self._answered = asyncio.Condition()
        self._is_over = False

    @contextlib.contextmanager
    def swap(self, kind: str, served_by: str) -> Iterator[None]:
        """Count the swap: the old version is live until the block ends, the new one from when the block begins."""
        started_at = time.monotonic()
        self._live.append(Live(served_by, since=started_at))
        yield
        self._live[-2].until = time.monotonic()
        self.swaps_s[kind].append(time.monotonic() - started_at)

    async def go_on(self, rounds: int = 20) -> None:
        """Wait for further answers: `rounds` to each caller on average."""
        wanted = len(self.answers) + len(self.failures) + rounds * self.callers
        async with self._answered:
            await self._answered.wait_for(lambda: len(self.answers) + len(self.failures) >= wanted)

    async def call(self, client: AsyncClient, model_name: str, image: bytes) -> None:
        while not self._is_over:
            sent_at = time.monotonic()
            try:
                answer = await client.classify(image, model_name=model_name)
                self.answers.append(Answer(sent_at, time.monotonic(), answer.served_by))
            except CronnxError as error:
                self.failures.append(error)
            async with self._answered:
                self._answered.notify_all()

    def __str__(self) -> str:
        slowest_s = max(answer.received_at - answer.sent_at for answer in self.answers)
        swaps = ", ".join(
            f"{len(times)} x {kind} ({1000 * sum(times) / len(times):.0f} ms)" for kind, times in self.swaps_s.items()
        )
        answers = f"{len(self.answers)} answers, {len(self.failures)} failures, the slowest {1000 * slowest_s:.0f} ms"
        return f"{answers}; {swaps}"

    def end(self) -> None:
        self._is_over = True

    def by_versions_not_live(self) -> list[Answer]:
        return [
            answer
            for answer in self.answers
            if not any(
                live.served_by == answer.served_by and live.since <= answer.received_at and answer.sent_at <= live.until
                for live in self._live
            )
        ]

    def check(self) -> None:
        """Check that no request failed and that each answer is by a version that was live while the request ran."""
        assert not self.failures, f"{len(self.failures)} failed, the first with {self.failures[0]!r}"
        strangers = self.by_versions_not_live()
        assert not strangers, f"{len(strangers)} answers by a version that was not live, the first {strangers[0]}"
        assert {answer.served_by for answer in self.answers} == {live.served_by for live in self._live}


@contextlib.asynccontextmanager
async def under_load(
    url: str, model_name: str, *, live: str, image: bytes = b"x", callers: int = 8
) -> AsyncIterator[SwapLoad]:
    """Send requests for the duration of the block, then check the answers; `live` is the version that answers first."""
    load = SwapLoad(live, callers=callers)
    async with AsyncClient(url, retry=ONCE) as client:
        tasks = [asyncio.create_task(load.call(client, model_name, image)) for _ in range(callers)]
        try:
            await load.go_on()
            yield load
            await load.go_on()
        finally:
            load.end()
            await asyncio.gather(*tasks)
    load.check()
