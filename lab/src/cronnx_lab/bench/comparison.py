"""One run, from the pictures to the report."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cronnx_lab import pictures
from cronnx_lab.bench import fastapi_rival as fastapi
from cronnx_lab.bench import history, report, rounds, triton
from cronnx_lab.bench.in_process_limit import InProcess
from cronnx_lab.bench.plan import REFERENCE_VERSION, Plan
from cronnx_lab.bench.results import Results
from cronnx_lab.bench.tables import leg_table, verdict_table
from cronnx_lab.bench.targets import verdicts
from cronnx_lab.load.perf_analyzer import perf_analyzer
from cronnx_lab.measurement import FASTAPI, IN_PROCESS, TRITON
from cronnx_lab.run_facts import run_facts
from cronnx_server import environment, repository
from cronnx_server.build_models.ready import ready
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT
from cronnx_server.serve import tritonserver

REPORTS = ROOT / "reports"


@dataclass(frozen=True)
class Bench:
    """What to measure and how long.

    Attributes:
        model: an ensemble of this project.
        versions: of its network; None is all that are built.
        pictures: names of sets.
        concurrency: requests under way at a time, ascending.
        rounds: how often every leg has its turn.
        seconds: the length of a leg, its warm-up apart.
        note: what is new in this run; with one, the run is put on record.
    """

    model: str
    versions: Sequence[int] | None
    pictures: Sequence[str]
    concurrency: Sequence[int]
    rounds: int
    seconds: float
    note: str


def bench(wanted: Bench) -> str:
    """Measure and report; the tables, and where the report is, as text.

    Raises:
        SetupError: something cannot be had, started or measured.
    """
    with environment.alone():
        ready([wanted.model])
        tritonserver.distribution()
        perf_analyzer()
    models = _models(wanted)
    plan = Plan(list(models), wanted.concurrency, wanted.pictures)
    facts = run_facts(model=wanted.model, note=wanted.note, rounds=wanted.rounds, seconds=wanted.seconds)
    with _contenders(wanted.model, models, plan) as contenders:
        rounds.warm_up(plan.warm_up(), contenders)
        measured = list(rounds.rounds(plan.legs(), contenders, count=wanted.rounds, seconds=wanted.seconds))
    results = Results(plan, measured)
    judged = verdicts(results)
    folder = REPORTS / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    page = report.write(results, judged, run=facts, folder=folder)
    if wanted.note:
        history.append(facts, judged)
    return f"{leg_table(results)}\n\n{verdict_table(judged)}\n\n{page.relative_to(ROOT)}"


def _models(wanted: Bench) -> dict[int, Path]:
    """The files of the versions wanted."""
    *_, network = repository.steps(repository.read_config(ENSEMBLES / wanted.model))
    built = {int(path.parent.name): path for path in (MODEL_REPOSITORY / network).glob("*/model.onnx")}
    for version in wanted.versions or ():
        if version not in built:
            raise SetupError(f"version {version} of {network} is not built; there are {sorted(built)}")
    return {version: built[version] for version in sorted(wanted.versions or built)}


@contextlib.contextmanager
def _contenders(model: str, models: dict[int, Path], plan: Plan) -> Iterator[dict[str, rounds.Contender]]:
    """All of them, ready and idle until it is their turn."""
    *_, network = repository.steps(repository.read_config(ENSEMBLES / model))
    reference = MODEL_REPOSITORY / network / str(REFERENCE_VERSION) / "model.onnx"
    size = repository.read_config(MODEL_REPOSITORY / network).input[0].dims[0]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        made = {name: pictures.make(name, folder / "pictures") for name in plan.pictures}
        served = stack.enter_context(
            triton.serving(model, list(models), pictures=made, perf_analyzer=perf_analyzer(), folder=folder)
        )
        rival = stack.enter_context(fastapi.serving(reference, size=size, pictures=made, folder=folder))
        limit = InProcess(models, size=size, pictures=made)
        stack.callback(limit.end)
        yield {TRITON: served, FASTAPI: rival, IN_PROCESS: limit}
