"""A server's statistics on a port of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cronnx_server.errors import SetupError
from cronnx_server.exporter.families import families
from cronnx_server.exporter.triton import Triton


class StatisticsCollector(Collector):
    """Asks the server when it is itself asked."""

    def __init__(self, triton: Triton) -> None:
        """Name whom to ask."""
        self._triton = triton

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the server may not be there yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What the server says now."""
        return families(self._triton.server())


@contextlib.contextmanager
def export(triton: Triton, *, address: str, port: int) -> Iterator[str]:
    """Answer scrapes, each from a thread of its own, while this lasts.

    Args:
        triton: the server whose statistics these are.
        address: where to listen.
        port: where to listen; 0 is any that is free.

    Yields:
        What Prometheus is to scrape.

    Raises:
        SetupError: the address is taken, or no address of this machine.
    """
    registry = CollectorRegistry()
    registry.register(StatisticsCollector(triton))
    try:
        service, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise SetupError(f"cannot listen on {address} port {port}: {error.strerror}; choose another: --port") from error
    try:
        yield f"http://{address}:{service.server_port}/metrics"
    finally:
        service.shutdown()
        service.server_close()
        thread.join()
