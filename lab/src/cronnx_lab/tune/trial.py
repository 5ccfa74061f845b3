"""Candidates in a running server, measured turn by turn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab.bench import rounds
from cronnx_lab.bench.triton import running
from cronnx_lab.load.asking import ask
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.measurement import CLOSED_LOOP, Leg, Measurement
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import Family
from cronnx_lab.tune.candidate_repository import ensemble_name
from cronnx_lab.tune.halving import Round
from cronnx_server.serve.addresses import Addresses

LEG_S = 1.5

# Of a leg, with its own warm-up and the start of the load generator.
WHOLE_LEG_S = LEG_S + 1.0


@dataclass(frozen=True)
class Trial:
    """A server with the ensembles of candidates, and what they are asked.

    Attributes:
        addresses: of the server.
        family: its processes.
        pictures: that it is asked for, in turn.
        concurrency: requests under way at a time.
        folder: for what passes to the load generator.
    """

    addresses: Addresses
    family: Family
    pictures: PictureSet
    concurrency: int
    folder: Path

    def rounds(self, numbers: Sequence[int], count: int) -> list[Round]:
        """Measure candidates in so many rounds.

        Raises:
            SetupError: one of them cannot be measured.
        """
        legs = {self._leg(number): number for number in numbers}
        contenders = {leg.contender: self for leg in legs}
        measured = rounds.rounds(list(legs), contenders, count=count, seconds=LEG_S)
        return [{legs[leg]: each[leg] for leg in legs} for each in measured]

    def warm_up(self, numbers: Sequence[int]) -> None:
        """Ask each candidate shortly, so that what grows with load has grown."""
        legs = [self._leg(number) for number in numbers]
        rounds.warm_up(legs, {leg.contender: self for leg in legs})

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Run one leg.

        Raises:
            SetupError: the server cannot be reached or hangs up.
        """
        requests = [to_triton(leg.contender, image) for image in self.pictures.contents()]
        address = (self.addresses.address, self.addresses.http_port)
        return ask([address], requests, leg, seconds=seconds, family=self.family, folder=self.folder)

    def _leg(self, number: int) -> Leg:
        return Leg(ensemble_name(number), CLOSED_LOOP, 1, self.concurrency, self.pictures.name)


@contextlib.contextmanager
def trial(
    repository_folder: Path, count: int, *, pictures: PictureSet, concurrency: int, folder: Path
) -> Iterator[Trial]:
    """Serve `count` candidates while this lasts.

    Raises:
        SetupError: the server did not start.
    """
    names = [ensemble_name(number) for number in range(count)]
    with running([repository_folder], names) as (addresses, family):
        served = Trial(addresses, family, pictures, concurrency, folder)
        served.warm_up(range(count))
        yield served
