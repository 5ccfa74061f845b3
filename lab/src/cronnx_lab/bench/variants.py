"""Servers of one ensemble that differ in their flags: all run at once, take turns, and are compared with the first.

Each comparison is within one round, so that changes of the machine's speed affect all variants alike.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from cronnx import Client
from cronnx_lab import pictures
from cronnx_lab.load.target import Target, triton_target
from cronnx_lab.measurement import CLOSED_LOOP, Case, Contender, Measurement, Round, measure_rounds, warm_up
from cronnx_lab.servers import triton_server
from cronnx_lab.verdicts import Spread
from cronnx_server import environment, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import RepositoryError
from cronnx_server.exporter.collector import ServerCollector
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.options import LATENCY_SUMMARIES
from cronnx_server.serve.serving import check_gpu
from cronnx_server.triton_http import TritonHttp

DEFAULT_PROFILE = "default"
NO_METRICS, SCRAPED = "no metrics", "the same, read every second"
SCRAPE_INTERVAL_S, SCRAPE_TIMEOUT_S = 1.0, 10.0


def _nothing(_addresses: Addresses) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Variant:
    """One way to run the server.

    Attributes:
        flags: Flags of `tritonserver`.
        background: What else runs during a measurement; it takes the server's addresses.
        profile: The profile that the flags choose; empty for none.
    """

    flags: tuple[str, ...] = ()
    background: Callable[[Addresses], AbstractContextManager[None]] = _nothing
    profile: str = ""


@dataclass(frozen=True)
class VariantLoad:
    """What every variant is measured with.

    Attributes:
        model: An ensemble of this project.
        picture: The name of a set of pictures.
        concurrency: Requests in flight at a time.
        rounds: How often to measure each variant.
        seconds: The length of a case, without its warm-up.
    """

    model: str
    picture: str
    concurrency: int
    rounds: int
    seconds: float


def profile_variants(profiles: Sequence[str]) -> dict[str, Variant]:
    """A server of the default configurations and one of each profile, by name.

    Raises:
        RepositoryError: No model has such a profile.
    """
    known = repository.profiles([MODEL_REPOSITORY, ENSEMBLES])
    for name in profiles:
        if name not in known:
            raise RepositoryError(f"no model has a configs/{name}.pbtxt; expected one of {', '.join(known)}")
    return {
        DEFAULT_PROFILE: Variant(),
        **{name: Variant((f"--model-config-name={name}",), profile=name) for name in profiles},
    }


@contextlib.contextmanager
def _scraped(addresses: Addresses) -> Iterator[None]:
    """Read all metrics and statistics every second, which Prometheus and `scripts/exporter` do every 15 seconds."""
    ended, registry = threading.Event(), CollectorRegistry()
    client = Client(addresses.http, timeout_s=SCRAPE_TIMEOUT_S)
    registry.register(ServerCollector(client))
    metrics_url = addresses.metrics.removesuffix("/metrics")

    def scrape() -> None:
        while not ended.is_set():
            with TritonHttp(metrics_url, timeout_s=SCRAPE_TIMEOUT_S) as metrics:
                metrics.request("/metrics")
            generate_latest(registry)
            ended.wait(SCRAPE_INTERVAL_S)

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        yield
    finally:
        ended.set()
        scraper.join()
        client.close()


METRICS_VARIANTS: Mapping[str, Variant] = {
    NO_METRICS: Variant(("--allow-metrics=false",)),
    "counters": Variant(("--allow-cpu-metrics=false", "--allow-gpu-metrics=false")),
    "counters, CPU and GPU": Variant(),
    "the same and summaries": Variant(LATENCY_SUMMARIES),
    SCRAPED: Variant(LATENCY_SUMMARIES, background=_scraped),
}


@dataclass(frozen=True)
class _Server:
    """A running variant."""

    variant: Variant
    addresses: Addresses
    target: Target

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        with self.variant.background(self.addresses):
            return self.target.measure(concurrency=case.concurrency, seconds=seconds)


def table(variants: Mapping[str, Variant], load: VariantLoad, *, what: str) -> str:
    """Measure the variants and compare them with the first; a table, as text.

    Args:
        variants: By name.
        load: What to measure them with.
        what: The heading of their names.

    Raises:
        CommandError: Something cannot be built, started or measured.
    """
    with environment.setup_lock():
        for variant in variants.values():
            check_gpu([MODEL_REPOSITORY, ENSEMBLES], profile=variant.profile)
            build_missing([load.model], profile=variant.profile)
        tritonserver.distribution()
    cases = [Case(name, CLOSED_LOOP, 1, load.concurrency, load.picture) for name in variants]
    with _servers(variants, load) as servers:
        warm_up(cases, servers)
        measured = list(measure_rounds(cases, servers, count=load.rounds, seconds=load.seconds))
    first = f"to {cases[0].contender} (lowest to highest)"
    heading = f"{what:30} images/s   {first:36} CPU per image, likewise"
    return "\n".join([heading, *(_line(case, cases[0], measured) for case in cases)])


def _line(case: Case, first: Case, rounds: Sequence[Round]) -> str:
    images_per_s = Spread.of([each[case].images_per_s for each in rounds]).median
    speed = _text(Spread.of([each[case].images_per_s / each[first].images_per_s for each in rounds]))
    cpu = _text(Spread.of([each[case].cpu_s_per_image / each[first].cpu_s_per_image for each in rounds]))
    return f"{case.contender:30} {images_per_s:8.1f}   {speed:36} {cpu}"


def _text(ratio: Spread) -> str:
    return f"{ratio.median:.3f} ({ratio.lowest:.3f} to {ratio.highest:.3f})"


@contextlib.contextmanager
def _servers(variants: Mapping[str, Variant], load: VariantLoad) -> Iterator[dict[str, Contender]]:
    """One server of each variant, ready and idle until its turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        images = pictures.make(load.picture, folder / "pictures").contents()
        servers: dict[str, Contender] = {}
        for name, variant in variants.items():
            server = stack.enter_context(
                triton_server([MODEL_REPOSITORY, ENSEMBLES], [load.model], flags=variant.flags, profile=variant.profile)
            )
            target = triton_target(server, load.model, images, folder=folder)
            servers[name] = _Server(variant, server.addresses, target)
        yield servers
