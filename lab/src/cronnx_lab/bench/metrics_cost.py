"""What each kind of metric costs a server, over one that keeps none at all.

The last is asked for its metrics and its statistics every second, by threads of this process: what Prometheus and
`scripts/exporter` do four times a minute.
"""

from __future__ import annotations

import contextlib
import threading
import urllib.request
from collections.abc import Iterator, Mapping

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from cronnx_lab.bench.variants import Kind
from cronnx_server.exporter.export import StatisticsCollector
from cronnx_server.exporter.triton import Triton
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.metrics import LATENCY_SUMMARIES

SCRAPE_INTERVAL_S, TIMEOUT_S = 1.0, 10.0
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def _read(addresses: Addresses) -> Iterator[None]:
    """Read everything every so often while this lasts."""
    ended, registry = threading.Event(), CollectorRegistry()
    registry.register(StatisticsCollector(Triton(addresses.http, timeout_s=TIMEOUT_S)))

    def read() -> None:
        while not ended.is_set():
            with DIRECTLY.open(addresses.metrics, timeout=TIMEOUT_S) as answer:
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


NONE, SCRAPED = "no metrics", "the same, read every second"
KINDS: Mapping[str, Kind] = {
    NONE: Kind(("--allow-metrics=false",)),
    "counters": Kind(("--allow-cpu-metrics=false", "--allow-gpu-metrics=false")),
    "counters, CPU and GPU": Kind(),
    "the same and summaries": Kind(LATENCY_SUMMARIES),
    SCRAPED: Kind(LATENCY_SUMMARIES, meanwhile=_read),
}
