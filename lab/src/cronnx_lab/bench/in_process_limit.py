"""The limit of the machine: processes that decode, resize and run the model, without any server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cronnx_lab.bench.in_process_worker import Settings, Task, Work
from cronnx_lab.errors import MeasurementError
from cronnx_lab.load.answers import WARM_UP_S, speed
from cronnx_lab.measurement import IN_PROCESS, Case, Measurement
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import ProcessTree
from cronnx_preprocess.cores import usable_cores

CORES = usable_cores()
BATCH = 8


def single(version: int, pictures: str) -> Case:
    """One image at a time on all cores: the lowest possible latency."""
    return _case(version, pictures, processes=1, batch=1)


def saturated(version: int, pictures: str) -> list[Case]:
    """Several ways to keep all cores busy; the fastest is the limit."""
    shapes = {(CORES, 1), (CORES, 2), (CORES, BATCH), (1, BATCH)} - {(1, 1)}  # (1, 1) is `single` on one core
    return [_case(version, pictures, processes=processes, batch=batch) for processes, batch in sorted(shapes)]


def _case(version: int, pictures: str, *, processes: int, batch: int) -> Case:
    return Case(IN_PROCESS, f"{processes} x batch {batch}", version, processes * batch, pictures, processes)


class InProcessLimit:
    """Worker processes, started when first needed and kept until `close`."""

    def __init__(self, models: Mapping[int, Path], *, pictures: Mapping[str, PictureSet]) -> None:
        """Start nothing yet.

        Args:
            models: The model's files, by version.
            pictures: The sets of pictures, by name.
        """
        self._models, self._pictures = models, pictures
        self._workers: dict[tuple[int, int], list[_Worker]] = {}

    def close(self) -> None:
        """End every worker."""
        for worker in (each for workers in self._workers.values() for each in workers):
            worker.close()

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """Measure what the case's processes do in `seconds` after the warm-up.

        Raises:
            MeasurementError: A worker exited.
        """
        workers = self._started(case)
        paths = [str(path) for path in self._pictures[case.pictures].paths]
        task = Task(paths, case.concurrency // case.processes, WARM_UP_S + seconds)
        for worker in workers:
            worker.begin(task)
        work = [worker.result() for worker in workers]
        spans = [span for each in work for span in each.spans]
        measured = speed(spans, seconds=seconds, drained=True)
        return Measurement(
            images_per_s=measured.images_per_s,
            latencies_s=measured.latencies_s,
            answered=len(spans),
            failed=0,
            cpu_s=sum(each.cpu_s for each in work),
            generator_cpu_s=0.0,
            pss_bytes=ProcessTree([worker.pid for worker in workers]).pss_bytes(),
        )

    def _started(self, case: Case) -> Sequence[_Worker]:
        key = (case.version, case.processes)
        if key not in self._workers:
            threads = max(1, CORES // case.processes)
            settings = Settings(str(self._models[case.version]), threads)
            self._workers[key] = [_Worker(settings) for _ in range(case.processes)]
        return self._workers[key]


class _Worker:
    """One worker process, which reads a task and writes a result, each as a line of JSON."""

    def __init__(self, settings: Settings) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cronnx_lab.bench.in_process_worker", json.dumps(asdict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._results: Iterator[str] = iter(self._process.stdout or ())
        self.pid = self._process.pid

    def begin(self, task: Task) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.write(json.dumps(asdict(task)) + "\n")
        self._process.stdin.flush()

    def result(self) -> Work:
        line = next(self._results, None)
        if line is None:
            raise MeasurementError("a worker process of the in-process limit exited; its output above says why")
        return Work(**json.loads(line))

    def close(self) -> None:
        with self._process as process:
            process.kill()
