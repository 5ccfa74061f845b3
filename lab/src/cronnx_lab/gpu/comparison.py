"""Serves the same models in each way, compares the answers, and measures images per second."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from cronnx import Client, CronnxError
from cronnx_lab import pictures
from cronnx_lab.errors import MeasurementError
from cronnx_lab.gpu import agreement
from cronnx_lab.gpu.requisites import library_folders
from cronnx_lab.gpu.ways import Way, write_repository
from cronnx_lab.load.answers import WARM_UP_S
from cronnx_lab.load.target import triton_target
from cronnx_lab.measurement import Measurement
from cronnx_lab.report import Table
from cronnx_lab.servers import TritonServer, triton_server
from cronnx_preprocess.cores import usable_cores
from cronnx_server import progress, repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

HEADINGS = ("model", "network and decoding", "concurrency", "images/s", "p50 ms", "p99 ms", "failed", "as on the CPU")
START_S = 45.0
"""About how long a server takes to start and to answer the pictures that are compared."""
GENERATORS = 4
"""Processes that generate the load: one sends some thousand requests a second."""
ANSWER_TIMEOUT_S = 60.0


class Loadable(Protocol):
    """What can be put under load."""

    def measure(self, *, concurrency: int, seconds: float) -> Measurement:
        """Measure it with `concurrency` requests in flight."""


@dataclass(frozen=True)
class Plan:
    """What is compared and measured.

    Attributes:
        models: Ensembles of the project.
        concurrency: Requests in flight at a time.
        seconds: The length of a measurement, without its warm-up.
        profile: The profile of the networks on the GPU; empty for the default.
    """

    models: Sequence[str]
    concurrency: Sequence[int]
    seconds: float
    profile: str

    @property
    def total_s(self) -> float:
        """About how long it takes."""
        cases = sum(len(self.models) * len(self.concurrency) for way in Way if way.needs_gpu)
        return START_S * len(Way) + cases * (WARM_UP_S + self.seconds)

    def steps(self) -> Iterator[str]:
        """The steps, as lines for people."""
        models, busy = ", ".join(self.models), ", ".join(map(str, self.concurrency))
        yield f"make {agreement.COUNT} pictures, and photographs of 640x480"
        for way in Way:
            yield f"serve {models} on the {way.value}, and ask about the {agreement.COUNT} pictures"
            if way.needs_gpu:
                yield f"measure each for {self.seconds:g} s with {busy} requests in flight"


def prepare(plan: Plan, folder: Path) -> list[bytes]:
    """Make all that needs no GPU: the repository of each way, and the pictures to compare.

    Args:
        plan: What is compared.
        folder: Receives a folder for each way.

    Returns:
        The pictures.

    Raises:
        CommandError: A configuration cannot be served.
    """
    repository.check([MODEL_REPOSITORY], profile=plan.profile)
    for way in Way:
        write_repository(folder / way.name, way, plan.models, profile=plan.profile, cores=usable_cores())
    return agreement.pictures()


def compare(plan: Plan) -> Table:
    """Serve, compare and measure; a row for each model, way and concurrency.

    Raises:
        CommandError: A server cannot be started, or does not answer.
    """
    _show_libraries()
    with tempfile.TemporaryDirectory(prefix="gpu-") as name:
        folder = Path(name)
        images, load = prepare(plan, folder), pictures.make(pictures.MAIN, folder / "pictures").contents()
        expected: dict[str, list[agreement.Answer]] = {}
        rows: list[list[str]] = []
        for way in Way:
            progress.step(f"Serving on the {way.value}")
            profile = plan.profile if way.needs_gpu else ""
            with triton_server([folder / way.name, ENSEMBLES], list(plan.models), profile=profile) as server:
                answers = _answers(server, plan.models, images)
                expected = expected or answers
                if way.needs_gpu:
                    rows += _rows(plan, way, server, load, folder, _agreements(answers, expected))
    return Table(HEADINGS, rows)


def _show_libraries() -> None:
    """Let the server's processes find the CUDA libraries that come as Python packages."""
    known = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*known, *library_folders()])


def _answers(server: TritonServer, models: Sequence[str], images: Sequence[bytes]) -> dict[str, list[agreement.Answer]]:
    tasks = repository.image_models(ENSEMBLES, list(models))
    try:
        with Client(server.addresses.http, timeout_s=ANSWER_TIMEOUT_S) as client:
            return {name: agreement.answers(client, name, images, task=tasks[name]) for name in models}
    except CronnxError as error:
        raise MeasurementError(f"the server does not answer: {error}") from error


def _agreements(
    answers: Mapping[str, Sequence[agreement.Answer]], expected: Mapping[str, Sequence[agreement.Answer]]
) -> dict[str, str]:
    return {name: f"{agreement.agreeing(answers[name], expected[name])} of {len(answers[name])}" for name in answers}


def _rows(
    plan: Plan, way: Way, server: TritonServer, load: Sequence[bytes], folder: Path, agreements: Mapping[str, str]
) -> Iterator[list[str]]:
    for model in plan.models:
        target = triton_target(server, model, load, folder=folder / "requests" / model)
        for concurrency in plan.concurrency:
            progress.step(f"Measuring {model} with {concurrency} requests in flight")
            measured = measure(target, concurrency, plan.seconds)
            yield [model, way.value, str(concurrency), *figures(measured), agreements[model]]


def measure(target: Loadable, concurrency: int, seconds: float) -> list[Measurement]:
    """Measure a target with generators that work at once and share the requests in flight; what each measured."""
    count = min(GENERATORS, concurrency)
    shares = [(concurrency + number) // count for number in range(count)]
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda share: target.measure(concurrency=share, seconds=seconds), shares))


def figures(measured: Sequence[Measurement]) -> list[str]:
    """The images per second, latencies and failures of several generators together."""
    latencies_s = [latency for each in measured for latency in each.latencies_s]
    if not latencies_s:
        raise MeasurementError("no request was answered within the measurement")
    p50, p99 = 1000 * np.percentile(latencies_s, (50, 99))
    images_per_s, failed = sum(each.images_per_s for each in measured), sum(each.failed for each in measured)
    return [f"{images_per_s:.0f}", f"{p50:.1f}", f"{p99:.1f}", str(failed)]
