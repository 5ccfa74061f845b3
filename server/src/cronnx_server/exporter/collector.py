"""Reads the state of a server when Prometheus scrapes, and answers the scrape."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cronnx import Client, CronnxError, ModelNotFound, NotReady
from cronnx_server.errors import AddressError
from cronnx_server.exporter.metrics import ModelVersion, ServerState, metrics

READY, UNLOADED = "READY", "unloaded"


class ServerCollector(Collector):
    """Reads the state of a server at every scrape."""

    def __init__(self, client: Client) -> None:
        """Use this client of the server."""
        self._client = client
        self._problem = ""

    def describe(self) -> list[Metric]:
        """No metrics in advance: the server may not run yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of the server now; one that does not answer is not ready and has no models."""
        try:
            state = read_state(self._client)
        except CronnxError as error:
            state = ServerState(problem=str(error))
        self._report(state.problem)
        return metrics(state)

    def _report(self, problem: str) -> None:
        """Print why a part of the metrics is missing, once as long as it lasts."""
        if problem and problem != self._problem:
            print(f"exporter: {' '.join(problem.split())}", file=sys.stderr, flush=True)
        self._problem = problem


def read_state(client: Client) -> ServerState:
    """Ask a server for its state.

    Raises:
        CronnxError: The server does not answer, or refuses.
    """
    is_ready = client.is_server_ready()
    batches = {ModelVersion(each.name, each.version): each.batch_sizes for each in client.statistics()}
    ready, problem = _readiness(client, batches)
    names = sorted({model.name for model, is_model_ready in ready.items() if is_model_ready})
    return ServerState(is_ready, ready, batches, {name: _steps(client, name) for name in names}, problem)


def _readiness(client: Client, running: Iterable[ModelVersion]) -> tuple[dict[ModelVersion, bool], str]:
    """Which versions are ready; from those that run, and with the reason, if the list of all needs a key."""
    try:
        listed = client.models()
    except CronnxError as error:
        return dict.fromkeys(running, True), f"model_ready has only versions that are ready: {error}"
    return {
        ModelVersion(model.name, model.version): model.state == READY
        for model in listed
        if model.state and model.version and model.reason != UNLOADED
    }, ""


def _steps(client: Client, name: str) -> list[str]:
    try:
        return [step.model_name for step in client.model(name).steps]
    except (ModelNotFound, NotReady):  # it was unloaded since it was listed
        return []


@contextlib.contextmanager
def export(collector: ServerCollector, *, address: str, port: int) -> Iterator[str]:
    """Answer scrapes inside the `with` block, each in a thread of its own.

    Args:
        collector: Reads the state of a server.
        address: The IP address to listen on.
        port: The port to listen on; 0 for any free port.

    Yields:
        The URL for Prometheus to scrape.

    Raises:
        AddressError: The port is taken, or the address is not one of this machine.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        service, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise AddressError(
            f"cannot listen on {address} port {port}: {error.strerror}; choose another with --port"
        ) from error
    try:
        yield f"http://{address}:{service.server_port}/metrics"
    finally:
        service.shutdown()
        service.server_close()
        thread.join()
