"""The report of a run: the verdicts, what each model did, the curves, and the run itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cronnx_lab.loadtest import plots
from cronnx_lab.loadtest.recording import Latencies, ModelResult, Recording, Second
from cronnx_lab.loadtest.thresholds import Baseline
from cronnx_lab.report import Section, Table, page
from cronnx_lab.verdicts import Verdict, verdict_table
from cronnx_server.files import write_whole

PERCENTS = (50, 90, 95, 99, 99.9, 100)


@dataclass(frozen=True)
class LoadReport:
    """What a run showed.

    Attributes:
        verdicts: The thresholds.
        recording: The answers.
        baseline: The latencies of one user, by model.
        users: The number of users in each second.
        errors: How often each error came.
        run: Facts about the run, by name.
    """

    verdicts: Sequence[Verdict]
    recording: Recording
    baseline: Baseline
    users: Sequence[int]
    errors: Mapping[str, int]
    run: Mapping[str, str]

    def __str__(self) -> str:
        """The tables, for a terminal."""
        tables = [self._answers(), *([self._errors()] if self.errors else []), verdict_table(self.verdicts)]
        return "\n\n".join(map(str, tables))

    def write(self, path: Path) -> None:
        """Write the page, and its figures beside it as JSON.

        Raises:
            CommandError: A file cannot be written.
        """
        write_whole(path, self._page().encode())
        write_whole(path.with_suffix(".json"), json.dumps(self._figures(), indent=2).encode())

    def _page(self) -> str:
        seconds = self._seconds()
        errors = [Section("Failures", self._errors().html())] if self.errors else []
        sections = [
            Section("Thresholds", verdict_table(self.verdicts).html()),
            Section("Answers", self._answers().html(), "Latencies in milliseconds."),
            *errors,
            Section(
                "Latency by percentile",
                plots.by_percentile(self._curves()),
                "The latency that a share of the answers does not exceed.",
            ),
            Section("Over time", "\n".join(plots.over_time(seconds, self.users))),
            Section("The run", Table(("run", ""), list(self.run.items())).html()),
        ]
        return page("Load test", sections)

    def _figures(self) -> dict[str, Any]:
        models = {
            name: {
                "requests": result.requests,
                "failures": result.failures,
                "answers": {served_by: len(latencies) for served_by, latencies in result.answers.items()},
                "latency_ms": _percentiles(result.latencies),
                "one_user_requests": len(self.baseline[name]),
                "one_user_ms": _percentiles(self.baseline[name]),
            }
            for name, result in self._models().items()
        }
        over_time = [
            {
                "users": users,
                "answers": len(second.latencies),
                "failures": second.failures,
                "latency_ms": _percentiles(second.latencies),
            }
            for users, second in zip(self.users, self._seconds(), strict=True)
        ]
        verdicts = [asdict(verdict) for verdict in self.verdicts]
        return {
            "run": self.run,
            "verdicts": verdicts,
            "models": models,
            "errors": self.errors,
            "over_time": over_time,
        }

    def _answers(self) -> Table:
        rows = []
        for name, result in self._models().items():
            rows.append(_row(f"{name}, one user before", self.baseline[name]))
            rows += [_row(served_by, latencies) for served_by, latencies in result.answers.items()]
        return Table(("served by", "answers", "p50", "p95", "p99", "max"), rows)

    def _errors(self) -> Table:
        return Table(("failure", "times"), [(error, str(count)) for error, count in self.errors.items()])

    def _models(self) -> dict[str, ModelResult]:
        """The result of each model that was to be asked."""
        results = self.recording.models()
        return {name: results.get(name, ModelResult()) for name in self.baseline}

    def _seconds(self) -> list[Second]:
        return [self.recording.second(number) for number in range(len(self.users))]

    def _curves(self) -> dict[str, Latencies]:
        curves = {}
        for name, result in self._models().items():
            curves[f"{name}, one user"] = self.baseline[name]
            curves.update(result.answers)
        return curves


def _row(name: str, latencies: Latencies) -> tuple[str, ...]:
    return (name, str(len(latencies)), *(f"{each:.1f}" for each in latencies.percentiles_ms(50, 95, 99, 100)))


def _percentiles(latencies: Latencies) -> dict[str, float]:
    if not len(latencies):
        return {}
    found = latencies.percentiles_ms(*PERCENTS)
    return {f"p{percent:g}": round(latency_ms, 3) for percent, latency_ms in zip(PERCENTS, found, strict=True)}
