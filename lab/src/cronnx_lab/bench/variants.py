"""Servers of one ensemble that are started differently: all there at once, loaded in turns, compared with the first.

The comparison is within each round, so that a machine whose speed changes meanwhile does so for all of them.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab import pictures
from cronnx_lab.bench import rounds
from cronnx_lab.bench.triton import running
from cronnx_lab.load.asking import ask
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.measurement import CLOSED_LOOP, Leg, Measurement
from cronnx_lab.servers import Family
from cronnx_server import environment
from cronnx_server.build_models.ready import ready
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses

NOTHING = contextlib.nullcontext()


@dataclass(frozen=True)
class Kind:
    """One way to start a server.

    Attributes:
        flags: passed on to `tritonserver`.
        meanwhile: what goes on besides while it is measured, by where it listens.
    """

    flags: tuple[str, ...] = ()
    meanwhile: Callable[[Addresses], AbstractContextManager[None]] = lambda _: NOTHING


@dataclass(frozen=True)
class Load:
    """What every server is asked.

    Attributes:
        model: an ensemble of this project.
        picture: the name of a set of pictures.
        concurrency: requests under way at a time.
        rounds: how often each has its turn.
        seconds: the length of a leg, its warm-up apart.
    """

    model: str
    picture: str
    concurrency: int
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Server:
    """One that runs: which kind, where it listens, its processes; what it is asked, and a folder for the generator."""

    kind: Kind
    addresses: Addresses
    family: Family
    requests: Sequence[bytes]
    folder: Path

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Run one leg.

        Raises:
            SetupError: the server cannot be reached or hangs up.
        """
        address = (self.addresses.address, self.addresses.http_port)
        with self.kind.meanwhile(self.addresses):
            return ask([address], self.requests, leg, seconds=seconds, family=self.family, folder=self.folder)


def table(kinds: Mapping[str, Kind], load: Load, *, what: str) -> str:
    """Measure; what was found, as text.

    Args:
        kinds: by name, first the one that the others are compared with.
        load: what they are asked.
        what: the kinds together are.

    Raises:
        SetupError: something cannot be had, started or measured.
    """
    with environment.alone():
        ready([load.model])
        tritonserver.distribution()
    legs = [Leg(kind, CLOSED_LOOP, 1, load.concurrency, load.picture) for kind in kinds]
    with _servers(kinds, load) as servers:
        rounds.warm_up(legs, servers)
        measured = list(rounds.rounds(legs, servers, count=load.rounds, seconds=load.seconds))
    heading = f"{what:30} images/s   {f'of {legs[0].contender} (least to most)':31}  CPU an image, likewise"
    return "\n".join([heading, *(_line(leg, legs[0], measured) for leg in legs)])


def _line(leg: Leg, first: Leg, measured: Sequence[rounds.Round]) -> str:
    images_per_s = statistics.median(each[leg].images_per_s for each in measured)
    speed = _spread([each[leg].images_per_s / each[first].images_per_s for each in measured])
    cpu = _spread([each[leg].cpu_s_per_image / each[first].cpu_s_per_image for each in measured])
    return f"{leg.contender:30} {images_per_s:8.1f}   {speed:31}  {cpu}"


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


@contextlib.contextmanager
def _servers(kinds: Mapping[str, Kind], load: Load) -> Iterator[dict[str, rounds.Contender]]:
    """One of each kind, ready and idle until it is its turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        images = pictures.make(load.picture, folder / "pictures").contents()
        requests = [to_triton(load.model, image) for image in images]
        servers: dict[str, rounds.Contender] = {}
        for name, kind in kinds.items():
            started = running([MODEL_REPOSITORY, ENSEMBLES], [load.model], flags=kind.flags)
            servers[name] = Server(kind, *stack.enter_context(started), requests, folder)
        yield servers
