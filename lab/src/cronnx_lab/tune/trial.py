"""A trial: a server in which every candidate is an ensemble of its own, measured in rounds."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab.load.target import triton_target
from cronnx_lab.measurement import CLOSED_LOOP, Case, Measurement, measure_rounds, warm_up
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import TritonServer, triton_server
from cronnx_lab.tune.candidates import Candidate, Settings, with_settings
from cronnx_lab.tune.halving import Round
from cronnx_server import repository

CASE_S = 1.5

WHOLE_CASE_S = CASE_S + 1.0
"""The length of a case, with its warm-up and the start of the load generator."""


@dataclass(frozen=True)
class Trial:
    """A running server with the candidates' ensembles.

    Attributes:
        server: The server.
        pictures: The pictures to send.
        concurrency: Requests in flight at a time.
        folder: Receives the requests.
        case_s: The length of a case, without its warm-up.
    """

    server: TritonServer
    pictures: PictureSet
    concurrency: int
    folder: Path
    case_s: float

    def measure_candidates(self, numbers: Sequence[int], count: int) -> list[Round]:
        """Measure candidates in `count` rounds.

        Raises:
            MeasurementError: A candidate cannot be measured.
        """
        cases = {self._case(number): number for number in numbers}
        contenders = {case.contender: self for case in cases}
        rounds = measure_rounds(list(cases), contenders, count=count, seconds=self.case_s)
        return [{number: each[case] for case, number in cases.items()} for each in rounds]

    def warm_up(self, numbers: Sequence[int]) -> None:
        """Run each candidate briefly.

        Raises:
            MeasurementError: A candidate cannot be measured.
        """
        cases = [self._case(number) for number in numbers]
        warm_up(cases, {case.contender: self for case in cases})

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """Measure one candidate's ensemble.

        Raises:
            MeasurementError: The server cannot be reached or closes a connection.
        """
        target = triton_target(self.server, case.contender, self.pictures.contents(), folder=self.folder)
        return target.measure(concurrency=case.concurrency, seconds=seconds)

    def _case(self, number: int) -> Case:
        return Case(ensemble_name(number), CLOSED_LOOP, 1, self.concurrency, self.pictures.name)


@contextlib.contextmanager
def start_trial(
    candidates_repository: Path, count: int, *, pictures: PictureSet, concurrency: int, folder: Path, case_s: float
) -> Iterator[Trial]:
    """Serve candidates and warm them up.

    Args:
        candidates_repository: The repository from `write_candidates`.
        count: The number of candidates.
        pictures: The pictures to send.
        concurrency: Requests in flight at a time.
        folder: Receives the requests.
        case_s: The length of a case, without its warm-up.

    Raises:
        StartError: The server cannot start.
        MeasurementError: A candidate cannot be measured.
    """
    names = [ensemble_name(number) for number in range(count)]
    with triton_server([candidates_repository], names) as server:
        trial = Trial(server, pictures, concurrency, folder, case_s)
        trial.warm_up(range(count))
        yield trial


def ensemble_name(number: int) -> str:
    """The name of a candidate's ensemble."""
    return f"candidate_{number}"


def write_candidates(
    folder: Path, ensemble: ModelConfig, steps: Mapping[str, Path], candidates: Sequence[Candidate]
) -> None:
    """Write a repository with one ensemble per candidate; candidates share steps that have the same settings.

    Args:
        folder: The repository.
        ensemble: The ensemble that is tuned.
        steps: The folders of its steps, by model; versions and warm-up data become links into them.
        candidates: The candidates, in the order of their numbers.
    """
    for number, candidate in enumerate(candidates):
        config = ModelConfig()
        config.CopyFrom(ensemble)
        config.name = ensemble_name(number)
        for step in config.ensemble_scheduling.step:
            settings = candidate.settings(step.model_name)
            step.model_name = _write_step(folder, steps[step.model_name], step.model_version, settings)
        (folder / config.name / "1").mkdir(parents=True)
        _write_config(folder / config.name, config)


def _write_step(folder: Path, model: Path, version: int, settings: Settings) -> str:
    config = with_settings(repository.read_config(model), settings)
    config.name = name = re.sub(r"\W+", "_", f"{model.name} {settings}")
    target = folder / name
    if not target.exists():
        target.mkdir(parents=True)
        for entry in model.iterdir():
            if entry.name not in ("config.pbtxt", "configs") and not _is_other_version(entry, version):
                (target / entry.name).symlink_to(entry.resolve())
        _write_config(target, config)
    return name


def _is_other_version(entry: Path, version: int) -> bool:
    return version > 0 and entry.name.isdecimal() and int(entry.name) != version


def _write_config(folder: Path, config: ModelConfig) -> None:
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
