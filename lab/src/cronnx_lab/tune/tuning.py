"""Tuning one ensemble: step by step, from its present settings to the fastest that are found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab import pictures
from cronnx_lab.tune.candidates import (
    Candidate,
    Settings,
    batching,
    differing_lines,
    instances_and_threads,
    settings_of,
    with_settings,
)
from cronnx_lab.tune.halving import Standing, best, cases_per_round, halving
from cronnx_lab.tune.trial import CASE_S, WHOLE_CASE_S, start_trial, write_candidates
from cronnx_preprocess.cores import usable_cores
from cronnx_server import progress, repository
from cronnx_server.errors import RepositoryError
from cronnx_server.files import write_whole
from cronnx_server.model_config import THREAD_PARAMETERS

# The part of a stage's time in which its server starts and ends.
SERVER_S = 12.0

Choose: TypeAlias = Callable[[Settings, ModelConfig], list[Settings]]


@dataclass(frozen=True)
class Stage:
    """One stage: several settings of one step, with all other steps unchanged.

    Attributes:
        step: The model whose settings were tried.
        tried: The settings; the present ones come first.
        standings: The result of each, in the same order.
        chosen: The best, or the present ones if no other is worth a change.
    """

    step: str
    tried: list[Settings]
    standings: list[Standing]
    chosen: Settings


class Tuning:
    """An ensemble and the folders of its steps."""

    def __init__(
        self, name: str, repositories: Sequence[Path], *, cores: int | None = None, case_s: float = CASE_S
    ) -> None:
        """Find the ensemble.

        Args:
            name: The name of the ensemble.
            repositories: The repositories with the ensemble and its steps.
            cores: The cores to choose candidates for; None for those that this process may use.
            case_s: The length of a case, without its warm-up.

        Raises:
            RepositoryError: The ensemble is missing, or has a step that cannot be tuned.
        """
        folders = {model: path for each in repositories for model, path in repository.models(each).items()}
        if name not in folders:
            raise RepositoryError(f"there is no model '{name}' in {', '.join(map(str, repositories))}")
        self._ensemble = repository.read_config(folders[name])
        names = list(dict.fromkeys(repository.steps(self._ensemble)))
        self.steps = {step: folders[step] for step in names if step in folders}
        self._configs = {step: repository.read_config(folder) for step, folder in self.steps.items()}
        other = {each for each in names if each not in folders or self._configs[each].backend not in THREAD_PARAMETERS}
        if other or not names:
            got = f"other steps: {', '.join(sorted(other))}" if other else "a model without steps"
            raise RepositoryError(
                f"cannot tune '{name}': expected an ensemble of {' and '.join(THREAD_PARAMETERS)} models, got {got}"
            )
        self._cores = cores or usable_cores()
        self._case_s = case_s

    def run(self, *, minutes: float, concurrency: int) -> tuple[Candidate, list[Stage]]:
        """Tune the network's instances and threads, then its batching, then the preprocessing's instances and threads.

        Args:
            minutes: About how long to take.
            concurrency: Requests in flight at a time.

        Returns:
            The settings found, and the stages that led to them.

        Raises:
            CommandError: A candidate cannot be served or measured.
        """
        present = Candidate(tuple((step, settings_of(config)) for step, config in self._configs.items()))
        plan = self._plan(concurrency)
        stages = []
        for step, choose in plan:
            tried = choose(present.settings(step), self._configs[step])
            rounds = rounds_within(60 * minutes / len(plan) - SERVER_S, count=len(tried))
            progress.step(
                f"Tuning {step}: {rounds} rounds of {len(tried)} candidates, then {2 * rounds} of the better half"
            )
            candidates = [present.with_step(step, settings) for settings in tried]
            standings = self._measure(candidates, rounds=rounds, concurrency=concurrency)
            stages.append(Stage(step, tried, standings, tried[best(standings).candidate]))
            present = present.with_step(step, stages[-1].chosen)
        return present, stages

    def changes(self, found: Candidate) -> dict[str, list[str]]:
        """The lines of `config.pbtxt` that differ, by step; steps without changes are left out."""
        lines = {
            step: list(differing_lines(config, with_settings(config, found.settings(step))))
            for step, config in self._configs.items()
        }
        return {step: each for step, each in lines.items() if each}

    def write(self, found: Candidate, *, profile: str) -> list[Path]:
        """Write `configs/<profile>.pbtxt` of each step whose settings change; the files.

        Raises:
            CommandError: A file cannot be written.
        """
        written = []
        for step in self.changes(found):
            config = with_settings(self._configs[step], found.settings(step))
            path = self.steps[step] / "configs" / f"{profile}.pbtxt"
            text = f"# {found.settings(step)}, found by scripts/tune.\n{text_format.MessageToString(config)}"
            write_whole(path, text.encode())
            written.append(path)
        return written

    def _plan(self, concurrency: int) -> list[tuple[str, Choose]]:
        """The stages: which step, and how its candidates are chosen."""

        def choose_instances(present: Settings, _config: ModelConfig) -> list[Settings]:
            return instances_and_threads(present, cores=self._cores)

        def choose_batching(present: Settings, config: ModelConfig) -> list[Settings]:
            return batching(present, max_batch_size=config.max_batch_size, concurrency=concurrency)

        plan: list[tuple[str, Choose]] = []
        for step, config in reversed(self._configs.items()):
            plan.append((step, choose_instances))
            if config.backend == "onnxruntime" and config.HasField("dynamic_batching"):
                plan.append((step, choose_batching))
        return plan

    def _measure(self, candidates: Sequence[Candidate], *, rounds: int, concurrency: int) -> list[Standing]:
        with tempfile.TemporaryDirectory(prefix="tune-") as name:
            folder = Path(name)
            write_candidates(folder / "repository", self._ensemble, self.steps, candidates)
            made = pictures.make(pictures.MAIN, folder / "pictures")
            started = start_trial(
                folder / "repository",
                len(candidates),
                pictures=made,
                concurrency=concurrency,
                folder=folder,
                case_s=self._case_s,
            )
            with started as trial:
                return halving(len(candidates), trial.measure_candidates, rounds=rounds)


def rounds_within(seconds: float, *, count: int) -> int:
    """The rounds of all candidates that fit, with twice as many of the better half; at least one."""
    return max(1, int(seconds / WHOLE_CASE_S / cases_per_round(count)))
