"""A whole run: the served ensemble against the machine's limit and the FastAPI rival, from setup to report."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab import pictures
from cronnx_lab.bench import fastapi_rival, report, triton
from cronnx_lab.bench.in_process_limit import InProcessLimit
from cronnx_lab.bench.plan import Plan
from cronnx_lab.bench.results import Results
from cronnx_lab.bench.targets import verdicts
from cronnx_lab.measurement import (
    FASTAPI,
    IN_PROCESS,
    TRITON,
    Case,
    Contender,
    Measurement,
    measure_rounds,
    warm_up,
)
from cronnx_lab.perf_analyzer.program import perf_analyzer
from cronnx_lab.report import new_folder
from cronnx_lab.run_facts import run_facts
from cronnx_lab.verdicts import verdict_table
from cronnx_server import environment, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT
from cronnx_server.serve import tritonserver


@dataclass(frozen=True)
class ComparisonOptions:
    """What to measure, and for how long.

    Attributes:
        model: An ensemble of this project.
        versions: Versions of its network; None for all that are built.
        pictures: Names of sets of pictures.
        concurrency: Requests in flight at a time, in ascending order.
        rounds: How often to measure every case.
        seconds: The length of a case, without its warm-up.
        note: What is new in this run; a run with a note is added to docs/benchmarks/history.md.
    """

    model: str
    versions: Sequence[int] | None
    pictures: Sequence[str]
    concurrency: Sequence[int]
    rounds: int
    seconds: float
    note: str


def compare(options: ComparisonOptions) -> str:
    """Measure and write the report; its tables and the path of its page, as text.

    Raises:
        CommandError: Something cannot be built, started, measured or written.
    """
    with environment.setup_lock():
        build_missing([options.model])
        tritonserver.distribution()
        perf_analyzer()
    models = _models(options)
    plan = Plan(list(models), options.concurrency, options.pictures)
    facts = run_facts(model=options.model, note=options.note, rounds=options.rounds, seconds=options.seconds)
    with _contenders(options.model, models, plan) as contenders:
        warm_up(plan.warm_up(), contenders)
        rounds = list(measure_rounds(plan.cases(), contenders, count=options.rounds, seconds=options.seconds))
    results = Results(plan, rounds)
    judged = verdicts(results)
    folder = new_folder()
    page = report.write(results, judged, run=facts, folder=folder)
    if options.note:
        report.add_to_history(results, judged, run=facts)
    return f"{report.case_table(results)}\n\n{verdict_table(judged)}\n\n{page.relative_to(ROOT)}"


def _models(options: ComparisonOptions) -> dict[int, Path]:
    """The model files of the wanted versions."""
    *_, network = repository.steps(repository.read_config(ENSEMBLES / options.model))
    built = {int(path.parent.name): path for path in (MODEL_REPOSITORY / network).glob("*/model.onnx")}
    for version in options.versions or ():
        if version not in built:
            raise RepositoryError(f"version {version} of {network} is not built; expected one of {sorted(built)}")
    return {version: built[version] for version in sorted(options.versions or built)}


@dataclass(frozen=True)
class _OfEachVersion:
    """A contender that runs each version on its own, and leaves the others idle."""

    by_version: Mapping[int, Contender]

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        return self.by_version[case.version].measure(case, seconds=seconds)


@contextlib.contextmanager
def _contenders(model: str, models: dict[int, Path], plan: Plan) -> Iterator[dict[str, Contender]]:
    """All contenders, started and idle until their turn."""
    *_, network = repository.steps(repository.read_config(ENSEMBLES / model))
    size = repository.read_config(MODEL_REPOSITORY / network).input[0].dims[0]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        made = {name: pictures.make(name, folder / "pictures") for name in plan.pictures}
        served = stack.enter_context(
            triton.serve(model, list(models), pictures=made, perf_analyzer=perf_analyzer(), folder=folder)
        )
        rivals = {
            version: stack.enter_context(fastapi_rival.serve(path, size=size, pictures=made, folder=folder))
            for version, path in models.items()
        }
        limit = InProcessLimit(models, pictures=made)
        stack.callback(limit.close)
        yield {TRITON: served, FASTAPI: _OfEachVersion(rivals), IN_PROCESS: limit}
