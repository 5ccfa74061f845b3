"""The served ensemble, each version of its model by an ensemble of its own that is pinned to it."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from google.protobuf import text_format

from cronnx_lab.bench.step_times import Key, StepTimes, read_statistics
from cronnx_lab.load import generator
from cronnx_lab.load.asking import ask
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.load.perf_analyzer import TOO_SHORT, PerfAnalyzer, input_data, read_spans
from cronnx_lab.measurement import PERF_ANALYZER, Leg, Measurement, seen
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import Family
from cronnx_server import repository
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
STATISTICS_TIMEOUT_S = 30
QUIET = ("--log-info=false", "--log-warning=false")

# A leg in which perf_analyzer saw no answer is tried again with these times its length.
LONGER = (1, 3, 9)


class Triton:
    """A running server."""

    def __init__(
        self,
        model: str,
        addresses: Addresses,
        family: Family,
        *,
        pictures: dict[str, PictureSet],
        perf_analyzer: PerfAnalyzer,
        folder: Path,
    ) -> None:
        """Name what is there: `pictures` to ask for, who asks, and a `folder` for what passes between."""
        self._model, self._addresses, self._family = model, addresses, family
        self._pictures, self._perf_analyzer, self._folder = pictures, perf_analyzer, folder

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Load an ensemble by the leg's generator, and see by Triton's statistics what its steps did.

        Raises:
            SetupError: the generator failed.
        """
        for longer in LONGER:
            try:
                return self._measure(leg, seconds * longer)
            except SetupError as error:
                if TOO_SHORT not in str(error):
                    raise
        raise SetupError(f"no answer within {seconds * LONGER[-1]:g} s: {leg}")

    def _measure(self, leg: Leg, seconds: float) -> Measurement:
        before = self._statistics()
        by = self._by_perf_analyzer if leg.load == PERF_ANALYZER else self._by_closed_loop
        measured = by(leg, seconds)
        after, name = self._statistics(), ensemble_name(self._model, leg.version)
        steps = {step: after[key] - before[key] for step, key in self._keys(leg.version).items()}
        # perf_analyzer tells only of requests within its windows; the server has counted all.
        return replace(measured, answered=steps[name].requests, steps=steps)

    def _keys(self, version: int) -> dict[str, Key]:
        """Under which names and versions the server counts what an ensemble does."""
        preprocess, network = repository.steps(repository.read_config(ENSEMBLES / self._model))
        ensemble = ensemble_name(self._model, version)
        return {ensemble: (ensemble, "1"), preprocess: (preprocess, "1"), network: (network, str(version))}

    def _by_closed_loop(self, leg: Leg, seconds: float) -> Measurement:
        name = ensemble_name(self._model, leg.version)
        requests = [to_triton(name, image) for image in self._pictures[leg.pictures].contents()]
        address = (self._addresses.address, self._addresses.http_port)
        return ask([address], requests, leg, seconds=seconds, family=self._family, folder=self._folder)

    def _by_perf_analyzer(self, leg: Leg, seconds: float) -> Measurement:
        inputs, export = self._folder / f"{leg.pictures}.json", self._folder / "export.json"
        if not inputs.exists():
            inputs.write_text(input_data(self._pictures[leg.pictures].contents()))
        command = self._perf_analyzer.command(
            ensemble_name(self._model, leg.version),
            f"{self._addresses.address}:{self._addresses.grpc_port}",
            concurrency=leg.concurrency,
            seconds=seconds,
            inputs=inputs,
            export=export,
        )
        _, usage = generator.run(command, family=self._family, environment=self._perf_analyzer.environment())
        spans = read_spans(export)
        export.unlink()  # perf_analyzer refuses to write it over
        speed = seen(spans, seconds=seconds, drained=False)
        return Measurement(
            images_per_s=speed.images_per_s,
            latencies_s=speed.latencies_s,
            answered=len(spans),
            failed=0,  # it ends with an error where one request fails
            cpu_s=usage.cpu_s,
            generator_cpu_s=usage.generator_cpu_s,
            pss_bytes=usage.pss_bytes,
        )

    def _statistics(self) -> dict[Key, StepTimes]:
        try:
            with DIRECTLY.open(f"{self._addresses.http}/v2/models/stats", timeout=STATISTICS_TIMEOUT_S) as answer:
                return read_statistics(json.load(answer))
        except OSError as error:
            raise SetupError(f"the server does not tell its statistics: {error}") from error


@contextlib.contextmanager
def serving(
    model: str,
    versions: Sequence[int],
    *,
    pictures: dict[str, PictureSet],
    perf_analyzer: PerfAnalyzer,
    folder: Path,
) -> Iterator[Triton]:
    """A server with one ensemble a version and nothing else, while this lasts.

    Args:
        model: the ensemble of this project.
        versions: of its network.
        pictures: what can be asked for.
        perf_analyzer: one that asks.
        folder: for what passes between.

    Raises:
        SetupError: it did not start.
    """
    names = [pinned(model, version, folder / "ensembles") for version in versions]
    with running([MODEL_REPOSITORY, folder / "ensembles"], names) as (addresses, family):
        yield Triton(model, addresses, family, pictures=pictures, perf_analyzer=perf_analyzer, folder=folder)


@contextlib.contextmanager
def running(
    repositories: Sequence[Path], names: Sequence[str], *, flags: Sequence[str] = ()
) -> Iterator[tuple[Addresses, Family]]:
    """A server of these models of these repositories; where it listens, and its processes.

    Args:
        repositories: model repositories.
        names: of models to load.
        flags: passed on to `tritonserver`.

    Raises:
        SetupError: it did not start.
    """
    addresses, distribution = free_addresses(), tritonserver.distribution()
    command = [
        *distribution.command(repositories),
        *addresses.flags(),
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in names),
        *QUIET,
        *flags,
    ]
    server = ServerProcess(command, distribution.environment())
    try:
        server.wait_until_ready(addresses)
        yield addresses, Family([server.pid])
    finally:
        server.end()


def ensemble_name(model: str, version: int) -> str:
    """The name of the ensemble that is pinned to a version."""
    return f"{model}_v{version}"


def pinned(model: str, version: int, repository_folder: Path) -> str:
    """Write the project's ensemble with its network's version pinned; its name."""
    config = repository.read_config(ENSEMBLES / model)
    config.name = ensemble_name(model, version)
    config.ensemble_scheduling.step[-1].model_version = version
    folder = repository_folder / ensemble_name(model, version)
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
    return folder.name
