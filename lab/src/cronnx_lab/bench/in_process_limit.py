"""The limit: processes that decode, resize and run the model, and answer nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cronnx_lab.bench.in_process_worker import Order, Setting, Worked
from cronnx_lab.measurement import IN_PROCESS, WARM_UP_S, Leg, Measurement, seen
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import Family
from cronnx_server.errors import SetupError

CORES = len(os.sched_getaffinity(0))
BATCH = 8


def single(version: int, pictures: str) -> Leg:
    """One image at a time on every core: the fastest that one answer can be."""
    return _leg(version, pictures, processes=1, batch=1)


def crowded(version: int, pictures: str) -> list[Leg]:
    """Several ways to keep every core busy; the best of them is the limit."""
    shapes = {(CORES, 1), (CORES, 2), (CORES, BATCH), (1, BATCH)} - {(1, 1)}  # on one core that is `single`
    return [_leg(version, pictures, processes=processes, batch=batch) for processes, batch in sorted(shapes)]


def _leg(version: int, pictures: str, *, processes: int, batch: int) -> Leg:
    return Leg(IN_PROCESS, f"{processes} x batch {batch}", version, processes * batch, pictures, processes)


class InProcess:
    """Worker processes, started when they are first needed and kept until `end`."""

    def __init__(self, models: dict[int, Path], *, size: int, pictures: dict[str, PictureSet]) -> None:
        """Name the model's files by version, and what they are given."""
        self._models, self._size, self._pictures = models, size, pictures
        self._workers: dict[tuple[int, int], list[_Worker]] = {}

    def end(self) -> None:
        """End every worker."""
        for worker in (each for workers in self._workers.values() for each in workers):
            worker.end()

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """What the processes do in `seconds`."""
        workers = self._ready(leg)
        paths = [str(path) for path in self._pictures[leg.pictures].paths]
        order = Order(paths, leg.concurrency // leg.processes, WARM_UP_S + seconds)
        for worker in workers:
            worker.begin(order)
        worked = [worker.result() for worker in workers]
        spans = [span for each in worked for span in each.spans]
        speed = seen(spans, seconds=seconds, drained=True)
        return Measurement(
            images_per_s=speed.images_per_s,
            latencies_s=speed.latencies_s,
            answered=len(spans),
            failed=0,
            cpu_s=sum(each.cpu_s for each in worked),
            generator_cpu_s=0.0,
            pss_bytes=Family([worker.pid for worker in workers]).pss_bytes(),
        )

    def _ready(self, leg: Leg) -> Sequence[_Worker]:
        key = (leg.version, leg.processes)
        if key not in self._workers:
            threads = max(1, CORES // leg.processes)
            setting = Setting(str(self._models[leg.version]), self._size, threads)
            self._workers[key] = [_Worker(setting) for _ in range(leg.processes)]
        return self._workers[key]


class _Worker:
    """One process, which takes an order a line and answers in a line."""

    def __init__(self, setting: Setting) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cronnx_lab.bench.in_process_worker", json.dumps(asdict(setting))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._answers: Iterator[str] = iter(self._process.stdout or ())
        self.pid = self._process.pid

    def begin(self, order: Order) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()

    def result(self) -> Worked:
        line = next(self._answers, None)
        if line is None:
            raise SetupError("a process of the in-process limit ended by itself; what it wrote above says why")
        return Worked(**json.loads(line))

    def end(self) -> None:
        with self._process as process:
            process.kill()
