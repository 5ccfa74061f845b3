"""What each kind of metric costs a server: one server a kind, all there at once, loaded in turns.

The first keeps no metrics at all, and the others are compared with it within each round, so that a machine whose speed
changes meanwhile does so for both. The last is asked for its metrics and its statistics every second, by threads of
this process: what Prometheus and `scripts/exporter` do four times a minute.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from benchmarks import pictures, rounds
from benchmarks.contenders.triton import running
from benchmarks.family import Family
from benchmarks.legs import CLOSED_LOOP, Leg, Measurement
from benchmarks.load.asking import ask
from benchmarks.load.http_requests import to_triton
from local_server import environment, tritonserver
from local_server.addresses import Addresses
from local_server.metrics import LATENCY_SUMMARIES
from local_server.paths import ENSEMBLES, MODEL_REPOSITORY
from model_builds.ready import ready
from server_statistics.export import StatisticsCollector
from server_statistics.triton import Triton

NONE, COUNTERS, GAUGES = "no metrics", "counters", "counters, CPU and GPU"
SUMMARIES, SCRAPED = "the same and summaries", "the same, read every second"
KINDS: Mapping[str, tuple[str, ...]] = {
    NONE: ("--allow-metrics=false",),
    COUNTERS: ("--allow-cpu-metrics=false", "--allow-gpu-metrics=false"),
    GAUGES: (),
    SUMMARIES: LATENCY_SUMMARIES,
    SCRAPED: LATENCY_SUMMARIES,
}
SCRAPE_INTERVAL_S, TIMEOUT_S = 1.0, 10.0
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """One that keeps one kind of metrics.

    Attributes:
        model: the ensemble that is asked.
        addresses: where it listens.
        family: its processes.
        images: what it is asked for, in turn.
        folder: for what passes to the load generator.
    """

    model: str
    addresses: Addresses
    family: Family
    images: Sequence[bytes]
    folder: Path

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Run one leg.

        Raises:
            SetupError: the server cannot be reached or hangs up.
        """
        requests = [to_triton(self.model, image) for image in self.images]
        address = (self.addresses.address, self.addresses.http_port)
        with self._read() if leg.contender == SCRAPED else contextlib.nullcontext():
            return ask([address], requests, leg, seconds=seconds, family=self.family, folder=self.folder)

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        """Read everything every so often while this lasts."""
        ended, registry = threading.Event(), CollectorRegistry()
        registry.register(StatisticsCollector(Triton(self.addresses.http, timeout_s=TIMEOUT_S)))

        def read() -> None:
            while not ended.is_set():
                with DIRECTLY.open(self.addresses.metrics, timeout=TIMEOUT_S) as answer:
                    answer.read()
                generate_latest(registry)
                ended.wait(SCRAPE_INTERVAL_S)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()


def table(
    model: str,
    *,
    picture: str,
    concurrency: int,
    count: int,
    seconds: float,
    kinds: Mapping[str, tuple[str, ...]] = KINDS,
) -> str:
    """Measure; what was found, as text.

    Args:
        model: an ensemble of this project.
        picture: the name of a set of pictures.
        concurrency: requests under way at a time.
        count: of rounds.
        seconds: the length of a leg, its warm-up apart.
        kinds: flags of a server by the metrics that it keeps, first the one that the others are compared with.

    Raises:
        SetupError: something cannot be had, started or measured.
    """
    with environment.alone():
        ready([model])
        tritonserver.distribution()
    legs = [Leg(kind, CLOSED_LOOP, 1, concurrency, picture) for kind in kinds]
    with _servers(model, picture, kinds) as servers:
        rounds.warm_up(legs, servers)
        measured = list(rounds.rounds(legs, servers, count=count, seconds=seconds))
    lines = [f"{'metrics':30} images/s   {'of none (least to most)':25}  CPU an image, of none"]
    return "\n".join([*lines, *(_line(leg, legs[0], measured) for leg in legs)])


def _line(leg: Leg, none: Leg, measured: Sequence[rounds.Round]) -> str:
    images_per_s = statistics.median(each[leg].images_per_s for each in measured)
    speed = _spread([each[leg].images_per_s / each[none].images_per_s for each in measured])
    cpu = _spread([each[leg].cpu_s_per_image / each[none].cpu_s_per_image for each in measured])
    return f"{leg.contender:30} {images_per_s:8.1f}   {speed:25}  {cpu}"


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


@contextlib.contextmanager
def _servers(model: str, picture: str, kinds: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, rounds.Contender]]:
    """One of each kind, ready and idle until it is its turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        images = pictures.make(picture, folder / "pictures").contents()
        servers: dict[str, rounds.Contender] = {}
        for kind, flags in kinds.items():
            started = running([MODEL_REPOSITORY, ENSEMBLES], [model], flags=flags)
            servers[kind] = Server(model, *stack.enter_context(started), images, folder)
        yield servers
