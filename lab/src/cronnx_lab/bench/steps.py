"""Where the time of a request to each of several ensembles goes, step by step."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from matplotlib.figure import Figure

from cronnx import Client, CronnxError
from cronnx_lab import pictures
from cronnx_lab.bench.breakdown import PARTS, Observation, spreads
from cronnx_lab.bench.results import cpu_s_per_image
from cronnx_lab.bench.triton import STATISTICS_TIMEOUT_S, step_times
from cronnx_lab.bench.work_alone import WorkAlone
from cronnx_lab.errors import MeasurementError
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.load.target import Target, write
from cronnx_lab.measurement import WARM_UP_CASE_S, StepTimes
from cronnx_lab.report import Section, Table, new_folder, page, svg
from cronnx_lab.run_facts import machine, run_facts
from cronnx_lab.servers import triton_server
from cronnx_lab.verdicts import Spread
from cronnx_server import environment, progress
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.files import write_whole
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT
from cronnx_server.serve import tritonserver

HEADINGS = ("", "ms", "least", "most", "share")


@dataclass(frozen=True)
class StepsOptions:
    """What to measure, and for how long.

    Attributes:
        ensembles: Ensembles of a preprocessing and a network.
        pictures: Names of sets of pictures. The first is sent to every ensemble, the others to the first ensemble.
        concurrency: Requests in flight for the CPU time of an image.
        rounds: How often to measure each workload.
        seconds: The length of each measurement, without its warm-up.
    """

    ensembles: Sequence[str]
    pictures: Sequence[str]
    concurrency: int
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Workload:
    """An ensemble, and the pictures that are sent to it."""

    ensemble: str
    pictures: str

    def __str__(self) -> str:
        """The workload in a few words, for people."""
        return f"{self.ensemble}, {self.pictures}"


@dataclass(frozen=True)
class Served:
    """One workload, ready to be measured.

    Attributes:
        target: The ensemble on the server, with the requests.
        client: A client of the server, for its statistics.
        alone: The same work without the server.
        images: The image files.
    """

    target: Target
    client: Client
    alone: WorkAlone
    images: Sequence[bytes]

    def measure(self, *, concurrency: int, seconds: float) -> Observation:
        """Measure the server under one caller and under several, and the work alone.

        Raises:
            MeasurementError: The server does not answer, or refuses a picture.
        """
        before = self._step_times()
        answers = self.target.closed_loop(concurrency=1, seconds=seconds)
        after = self._step_times()
        if refused := len(answers.answers) - answers.count():
            raise MeasurementError(f"expected an answer to each request, got {refused} refusals")
        steps = {name: after[name] - before[name] for name in self.alone.steps}
        busy = self.target.measure(concurrency=concurrency, seconds=seconds)
        return Observation(answers.latencies_s(), steps, busy, self.alone.measure(self.images, seconds=seconds / 2))

    def _step_times(self) -> dict[str, StepTimes]:
        """What each step has done, all its versions together: only the ensemble asks them."""
        try:
            counted = self.client.statistics()
        except CronnxError as error:
            raise MeasurementError(f"cannot read the server's statistics: {error}") from error
        return {
            step: StepTimes.sum(step_times(each) for each in counted if each.name == step) for step in self.alone.steps
        }


def measure(options: StepsOptions) -> str:
    """Measure and write the report; its tables and the path of its page, as text.

    Raises:
        CommandError: Something cannot be built, started, measured or written.
    """
    with environment.setup_lock():
        build_missing(options.ensembles)
        tritonserver.distribution()
    facts = run_facts(model=", ".join(options.ensembles), rounds=options.rounds, seconds=options.seconds)
    with _served(options) as served:
        measured = _measured(served, options)
    path = new_folder() / "index.html"
    write_whole(path, page("Time of a request by step", _sections(measured, options, facts)).encode())
    tables = [f"{_summary(workload, each, options.concurrency)}\n{table(each)}" for workload, each in measured.items()]
    return "\n\n".join([*tables, f"{options.rounds} rounds; {machine()}", str(path.relative_to(ROOT))])


def _workloads(options: StepsOptions) -> list[Workload]:
    first, *others = options.pictures
    workloads = [Workload(ensemble, first) for ensemble in options.ensembles]
    return [*workloads, *(Workload(options.ensembles[0], each) for each in others)]


@contextlib.contextmanager
def _served(options: StepsOptions) -> Iterator[dict[Workload, Served]]:
    """All workloads on one server, idle until their turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        alone = {}
        for name in options.ensembles:
            alone[name] = WorkAlone(name, folder=folder)
            stack.callback(alone[name].close)
        images = {name: pictures.make(name, folder / "pictures").contents() for name in options.pictures}
        server = stack.enter_context(triton_server([MODEL_REPOSITORY, ENSEMBLES], options.ensembles))
        client = stack.enter_context(Client(server.addresses.http, timeout_s=STATISTICS_TIMEOUT_S))
        addresses = [(server.addresses.address, server.addresses.http_port)]
        served = {}
        for workload in _workloads(options):
            files = images[workload.pictures]
            # Numbers as text would take most of the time of an answer with a map of classes.
            requests = [to_triton(workload.ensemble, file, binary_answer=True) for file in files]
            place = folder / workload.ensemble / workload.pictures
            target = Target(addresses, server.processes, write(requests, place))
            served[workload] = Served(target, client, alone[workload.ensemble], files)
        yield served


def _measured(served: Mapping[Workload, Served], options: StepsOptions) -> dict[Workload, list[Observation]]:
    """The workloads in turns; every second round runs backwards, so that none gains by its place."""
    for workload, each in served.items():
        progress.step(f"Warming up: {workload}")
        each.measure(concurrency=options.concurrency, seconds=WARM_UP_CASE_S)
    measured: dict[Workload, list[Observation]] = {workload: [] for workload in served}
    for number in range(1, options.rounds + 1):
        for workload in list(served)[:: 1 if number % 2 else -1]:
            found = served[workload].measure(concurrency=options.concurrency, seconds=options.seconds)
            measured[workload].append(found)
            progress.step(f"Round {number} of {options.rounds}: {1000 * fmean(found.latencies_s):6.1f} ms, {workload}")
    return measured


def table(observations: Sequence[Observation]) -> Table:
    """The parts of a request of one workload, over the rounds."""
    total = Spread.of([1000 * fmean(each.latencies_s) for each in observations])
    rows = [_row(part, spread, total) for part, spread in spreads(observations).items()]
    return Table(HEADINGS, [*rows, _row("whole request", total, total)])


def _row(part: str, spread: Spread, total: Spread) -> list[str]:
    figures = (f"{figure:.2f}" for figure in (spread.median, spread.lowest, spread.highest))
    return [part, *figures, f"{spread.median / total.median:.0%}"]


def _summary(workload: Workload, observations: Sequence[Observation], concurrency: int) -> str:
    latency_ms = Spread.of([1000 * median(each.latencies_s) for each in observations]).median
    cpu_ms = Spread.of([1000 * cpu_s_per_image(each.busy) for each in observations]).median
    return f"{workload}: median latency {latency_ms:.1f} ms; at {concurrency} callers {cpu_ms:.1f} ms of CPU an image"


def _sections(
    measured: Mapping[Workload, list[Observation]], options: StepsOptions, facts: Mapping[str, str]
) -> list[Section]:
    explained = Table(("part", "what it is"), list(PARTS.items()))
    return [
        Section("One caller", plot(measured), "Means of a round; medians over the rounds."),
        *(
            Section(str(workload), table(each).html(), _summary(workload, each, options.concurrency))
            for workload, each in measured.items()
        ),
        Section("The parts", explained.html()),
        Section("The run", Table(("run", ""), list(facts.items())).html()),
    ]


def plot(measured: Mapping[Workload, Sequence[Observation]]) -> str:
    """A bar for each workload, stacked by the parts of a request."""
    axes = Figure((9.0, 0.6 * len(measured) + 1.5)).subplots()
    positions, lefts = range(len(measured)), [0.0] * len(measured)
    medians = [spreads(each) for each in measured.values()]
    for part in PARTS:
        widths = [max(0.0, each[part].median) for each in medians]
        axes.barh(positions, widths, left=lefts, label=part)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.set_yticks(list(positions), list(map(str, measured)))
    axes.invert_yaxis()
    axes.set_xlabel("ms per request of one caller")
    return svg(axes)
