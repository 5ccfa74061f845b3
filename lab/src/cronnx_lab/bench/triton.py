"""The served ensembles: one for each version of the model, pinned to that version."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from google.protobuf import text_format

from cronnx import Client, CronnxError, ModelStatistics
from cronnx_lab.address import Address
from cronnx_lab.errors import MeasurementError
from cronnx_lab.load import runner
from cronnx_lab.load.answers import speed
from cronnx_lab.load.target import triton_target
from cronnx_lab.measurement import PERF_ANALYZER, Case, Measurement, StepTimes
from cronnx_lab.perf_analyzer.inputs import input_data
from cronnx_lab.perf_analyzer.program import TOO_SHORT, PerfAnalyzer, one_measurement, read_spans
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import TritonServer, triton_server
from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

ModelVersion: TypeAlias = tuple[str, str]

STATISTICS_TIMEOUT_S = 30.0

LENGTHS = (1, 3, 9)
"""A case in which perf_analyzer saw no answer is repeated with these multiples of its length."""


@dataclass(frozen=True)
class Triton:
    """The running server.

    Attributes:
        model: The ensemble, as the project names it.
        server: The server and its addresses.
        client: A client of it, for its statistics.
        pictures: The sets of pictures to send, by name.
        perf_analyzer: NVIDIA's load generator.
        folder: Receives the generators' files.
    """

    model: str
    server: TritonServer
    client: Client
    pictures: Mapping[str, PictureSet]
    perf_analyzer: PerfAnalyzer
    folder: Path

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """Measure one version under the case's load, and read from Triton what each step did.

        Raises:
            MeasurementError: The generator failed, or the server does not answer.
        """
        for length in LENGTHS:
            try:
                return self._measure(case, seconds * length)
            except MeasurementError as error:
                if TOO_SHORT not in str(error):
                    raise
        raise MeasurementError(f"expected an answer within {seconds * LENGTHS[-1]:g} s, got none: {case}")

    def _measure(self, case: Case, seconds: float) -> Measurement:
        before = self._statistics()
        load = self._by_perf_analyzer if case.load == PERF_ANALYZER else self._by_closed_loop
        measured = load(case, seconds)
        after, name = self._statistics(), ensemble_name(self.model, case.version)
        steps = {step: after[key] - before[key] for step, key in self._counted_as(case.version).items()}
        # perf_analyzer reports only the requests within its windows; the server counts all of them.
        return replace(measured, answered=steps[name].requests, steps=steps)

    def _counted_as(self, version: int) -> dict[str, ModelVersion]:
        """The names and versions under which Triton counts what an ensemble and its steps do."""
        preprocess, network = repository.steps(repository.read_config(ENSEMBLES / self.model))
        ensemble = ensemble_name(self.model, version)
        return {ensemble: (ensemble, "1"), preprocess: (preprocess, "1"), network: (network, str(version))}

    def _by_closed_loop(self, case: Case, seconds: float) -> Measurement:
        name, images = ensemble_name(self.model, case.version), self.pictures[case.pictures].contents()
        target = triton_target(self.server, name, images, folder=self.folder)
        return target.measure(concurrency=case.concurrency, seconds=seconds)

    def _by_perf_analyzer(self, case: Case, seconds: float) -> Measurement:
        inputs, export = self.folder / f"{case.pictures}.json", self.folder / "export.json"
        if not inputs.exists():
            inputs.write_text(input_data(self.pictures[case.pictures].contents()))
        addresses, processes = self.server
        command = self.perf_analyzer.command(
            ensemble_name(self.model, case.version),
            Address("grpc", f"{addresses.address}:{addresses.grpc_port}"),
            concurrency=str(case.concurrency),
            inputs=inputs,
            flags=one_measurement(seconds, export),
        )
        _, usage = runner.run(command, processes=processes, environment=self.perf_analyzer.environment())
        spans = read_spans(export)
        export.unlink()  # perf_analyzer refuses to overwrite it
        measured = speed(spans, seconds=seconds, drained=False)
        return Measurement(
            images_per_s=measured.images_per_s,
            latencies_s=measured.latencies_s,
            answered=len(spans),
            failed=0,  # perf_analyzer ends with an error if a request fails
            cpu_s=usage.cpu_s,
            generator_cpu_s=usage.generator_cpu_s,
            pss_bytes=usage.pss_bytes,
        )

    def _statistics(self) -> dict[ModelVersion, StepTimes]:
        try:
            return {(each.name, each.version): step_times(each) for each in self.client.statistics()}
        except CronnxError as error:
            raise MeasurementError(f"cannot read the server's statistics: {error}") from error


@contextlib.contextmanager
def serve(
    model: str,
    versions: Sequence[int],
    *,
    pictures: Mapping[str, PictureSet],
    perf_analyzer: PerfAnalyzer,
    folder: Path,
) -> Iterator[Triton]:
    """Serve one ensemble per version, and nothing else.

    Args:
        model: The ensemble, as the project names it.
        versions: The versions of its network.
        pictures: The sets of pictures to send, by name.
        perf_analyzer: NVIDIA's load generator.
        folder: Receives the ensembles and the generators' files.

    Raises:
        StartError: The server cannot start.
    """
    ensembles = folder / "ensembles"
    names = [write_pinned(model, version, ensembles) for version in versions]
    with (
        triton_server([MODEL_REPOSITORY, ensembles], names) as server,
        Client(server.addresses.http, timeout_s=STATISTICS_TIMEOUT_S) as client,
    ):
        yield Triton(model, server, client, pictures, perf_analyzer, folder)


def step_times(statistics: ModelStatistics) -> StepTimes:
    """What a model has done since it was loaded."""
    return StepTimes(
        requests=statistics.success_count,
        executions=statistics.execution_count,
        total_s=statistics.success_ns / 1e9,
        queue_s=statistics.queue_ns / 1e9,
        compute_input_s=statistics.compute_input_ns / 1e9,
        compute_infer_s=statistics.compute_infer_ns / 1e9,
        compute_output_s=statistics.compute_output_ns / 1e9,
    )


def ensemble_name(model: str, version: int) -> str:
    """The name of the ensemble that is pinned to a version."""
    return f"{model}_v{version}"


def write_pinned(model: str, version: int, ensembles: Path) -> str:
    """Write the project's ensemble into a repository, its network pinned to a version; the ensemble's name."""
    config = repository.read_config(ENSEMBLES / model)
    name = config.name = ensemble_name(model, version)
    config.ensemble_scheduling.step[-1].model_version = version
    folder = ensembles / name
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
    return name
