"""What a run does at the moment: a moving line on a terminal, and ten lines a run elsewhere."""

from __future__ import annotations

import sys

import gevent
from gevent.event import Event
from locust.runners import MasterRunner, Runner

from cronnx_lab.loadtest.recording import Recording
from cronnx_server import progress

LINES = 10

WORKERS_DELAY_S = 4
"""A worker reports to its master every three seconds."""


class LiveProgress:
    """Prints the progress of a run, and records how many users there are in each second.

    Attributes:
        users: The number of users in each second so far.
    """

    def __init__(self, recording: Recording) -> None:
        self.users: list[int] = []
        self._recording = recording
        self._stopped = Event()
        self._greenlet: gevent.Greenlet | None = None

    def start(self, runner: Runner, *, duration_s: float) -> None:
        """Begin with the run."""
        self._greenlet = gevent.spawn(self._follow, runner, duration_s)

    def stop(self) -> None:
        """End the lines; a last second that is not over counts as one without users."""
        self._stopped.set()
        if self._greenlet:
            self._greenlet.join()
        self.users += [0] * (int(self._recording.duration_s) + 1 - len(self.users))

    def _follow(self, runner: Runner, duration_s: float) -> None:
        every_s = max(1, round(duration_s / LINES))
        delay_s = WORKERS_DELAY_S if isinstance(runner, MasterRunner) else 1
        with progress.running("Sending requests") as step:
            while not self._stopped.wait(1):
                self.users.append(runner.user_count)
                line = self._line(len(self.users), duration_s, delay_s)
                step.detail(line)
                if not sys.stderr.isatty() and len(self.users) % every_s == 0:
                    progress.line(f"    {line}")

    def _line(self, elapsed_s: int, duration_s: float, delay_s: int) -> str:
        second = self._recording.second(elapsed_s - delay_s)
        answers = f"{len(second.latencies)} answers/s"
        if second.latencies:
            answers += f", p95 {second.latencies.percentiles_ms(95)[0]:.0f} ms"
        return f"{elapsed_s} of {duration_s:.0f} s, {self.users[-1]} users: {answers}, {second.failures} failed"
