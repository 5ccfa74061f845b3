"""One ensemble, from its present settings to the fastest that were found, a few candidates at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab import pictures
from cronnx_lab.tune import candidate_repository
from cronnx_lab.tune.candidates import Candidate, batchings, shapes
from cronnx_lab.tune.halving import Standing, best, halving, legs
from cronnx_lab.tune.settings import THREADS, Settings, differing_lines, settings_of, with_settings
from cronnx_lab.tune.trial import WHOLE_LEG_S, trial
from cronnx_server import progress, repository
from cronnx_server.errors import SetupError
from cronnx_server.files import write_whole

# Of a stage's time, what its server takes to start and end.
SERVER_S = 12.0

Choose = Callable[[Settings, ModelConfig], list[Settings]]


@dataclass(frozen=True)
class Tuned:
    """What a stage tried, one step's settings with all others as they were, and what was best.

    Attributes:
        step: the model whose settings were tried.
        tried: settings, the present ones first.
        standings: what each has shown, in the same order.
        chosen: the best, or the present where no other was worth a change.
    """

    step: str
    tried: list[Settings]
    standings: list[Standing]
    chosen: Settings


class Tuning:
    """An ensemble and the folders of its steps."""

    def __init__(self, name: str, repositories: Sequence[Path], *, cores: int | None = None) -> None:
        """Find the ensemble.

        Args:
            name: of the ensemble.
            repositories: it and its steps are in.
            cores: to choose candidates for; those this process may use where None.

        Raises:
            SetupError: it is not there, or has a step that cannot be tuned.
        """
        folders = {model: path for each in repositories for model, path in repository.models(each).items()}
        if name not in folders:
            raise SetupError(f"there is no model '{name}' in {', '.join(map(str, repositories))}")
        self._ensemble = repository.read_config(folders[name])
        names = list(dict.fromkeys(repository.steps(self._ensemble)))
        self.steps = {step: folders[step] for step in names if step in folders}
        self._configs = {step: repository.read_config(folder) for step, folder in self.steps.items()}
        other = {each for each in names if each not in folders or self._configs[each].backend not in THREADS}
        if other or not names:
            cause = f"its steps {', '.join(sorted(other))} are not" if other else "it has no steps"
            raise SetupError(f"'{name}' is expected to be an ensemble of {' and '.join(THREADS)} models, but {cause}")
        self._cores = cores or len(os.sched_getaffinity(0))

    def run(self, *, minutes: float, concurrency: int) -> tuple[Candidate, list[Tuned]]:
        """Tune the steps, the last first: its shape, how it batches, then the shape of the one before it.

        Raises:
            SetupError: something cannot be served or measured.
        """
        present = Candidate(tuple((step, settings_of(config)) for step, config in self._configs.items()))
        stages = self._stages(concurrency)
        tuned = []
        for step, choose in stages:
            tried = choose(present.settings(step), self._configs[step])
            rounds = rounds_within(60 * minutes / len(stages) - SERVER_S, count=len(tried))
            progress.step(f"Tuning {step}: {len(tried)} candidates, {rounds} rounds, then {2 * rounds} of the better")
            candidates = [present.with_step(step, settings) for settings in tried]
            standings = self._measured(candidates, rounds=rounds, concurrency=concurrency)
            tuned.append(Tuned(step, tried, standings, tried[best(standings).candidate]))
            present = present.with_step(step, tuned[-1].chosen)
        return present, tuned

    def _stages(self, concurrency: int) -> list[tuple[str, Choose]]:
        def shape(present: Settings, _config: ModelConfig) -> list[Settings]:
            return shapes(present, cores=self._cores)

        def batching(present: Settings, config: ModelConfig) -> list[Settings]:
            return batchings(present, max_batch_size=config.max_batch_size, concurrency=concurrency)

        stages: list[tuple[str, Choose]] = []
        for step, config in reversed(self._configs.items()):
            stages.append((step, shape))
            if config.backend == "onnxruntime" and config.HasField("dynamic_batching"):
                stages.append((step, batching))
        return stages

    def _measured(self, candidates: Sequence[Candidate], *, rounds: int, concurrency: int) -> list[Standing]:
        with tempfile.TemporaryDirectory(prefix="tune-") as name:
            folder = Path(name)
            candidate_repository.write(folder / "repository", self._ensemble, self.steps, candidates)
            asked = pictures.make(pictures.MAIN, folder / "pictures")
            served = trial(
                folder / "repository", len(candidates), pictures=asked, concurrency=concurrency, folder=folder
            )
            with served as turns:
                return halving(len(candidates), turns.rounds, rounds=rounds)

    def changes(self, found: Candidate) -> dict[str, list[str]]:
        """The lines of `config.pbtxt` that differ, by step; steps that stay as they are are left out."""
        lines = {
            step: list(differing_lines(config, with_settings(config, found.settings(step))))
            for step, config in self._configs.items()
        }
        return {step: each for step, each in lines.items() if each}

    def write(self, found: Candidate, *, profile: str) -> list[Path]:
        """Write `configs/<profile>.pbtxt` of each step whose settings are to be others; the files.

        Raises:
            SetupError: one of them cannot be written.
        """
        written = []
        for step in self.changes(found):
            config = with_settings(self._configs[step], found.settings(step))
            path = self.steps[step] / "configs" / f"{profile}.pbtxt"
            text = f"# {found.settings(step)}, found by scripts/tune.\n{text_format.MessageToString(config)}"
            write_whole(path, text.encode())
            written.append(path)
        return written


def rounds_within(seconds: float, *, count: int) -> int:
    """How many rounds all candidates can get, and the better half twice as many more; at least one."""
    return max(1, int(seconds / WHOLE_LEG_S / legs(count)))
