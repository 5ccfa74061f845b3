"""A server of models that cost nothing, with its exporter, a Prometheus, and the metrics of a GPU that does not exist.

`toy` is an ensemble over a network whose answers are cached. `toy_ab` has a router with a shadow. `slow` sleeps for the
time that its request names.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cronnx_server.paths import ROOT
from cronnx_server.serve.options import LATENCY_SUMMARIES
from tests.server import echo
from tests.server.prometheus import Prometheus, scraping
from tests.server.repositories import put, put_python
from tests.server.toy import CLASSIFIER, ToyRepository
from tests.server.triton import Triton, started

SLOW, FRAGILE, BROKEN = "slow", "fragile", "broken"
AB, ROUTER = "toy_ab", "toy_router"
CACHE = "--cache-config=local,size=67108864"

_ROUTER = f"""
backend: "router"
max_batch_size: 64
{echo.TENSORS}
parameters {{ key: "arms" value {{ string_value: "echo/1=50 echo/2=50" }} }}
parameters {{ key: "shadow" value {{ string_value: "echo/2" }} }}
"""
_SLOW_CONFIG = """
input [ { name: "seconds" data_type: TYPE_FP32 dims: [ 1 ] } ]
output [ { name: "slept" data_type: TYPE_FP32 dims: [ 1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
_SLOW_MODEL = """
import time
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self._answer(pb_utils.get_input_tensor_by_name(each, "seconds").as_numpy()) for each in requests]

    def _answer(self, seconds):
        time.sleep(float(seconds[0]))
        return pb_utils.InferenceResponse([pb_utils.Tensor("slept", seconds)])
"""


@dataclass
class Gpu:
    """The metrics that Triton exports of a GPU.

    Attributes:
        memory_used: The used part of its memory, from 0 to 1.
        url: The address that Prometheus scrapes, without the scheme.
    """

    memory_used: float = 0.5
    url: str = ""

    def exposition(self) -> str:
        lines = (
            "nv_gpu_utilization{gpu_uuid=%s} 0.25",
            "nv_gpu_memory_total_bytes{gpu_uuid=%s} 1000",
            f"nv_gpu_memory_used_bytes{{gpu_uuid=%s}} {1000 * self.memory_used:g}",
        )
        return "".join(f"{line}\n" % '"GPU-0"' for line in lines)


@dataclass(frozen=True)
class Monitored:
    """The server, its repository, and what watches it."""

    triton: Triton
    prometheus: Prometheus
    gpu: Gpu
    repository: Path


@contextlib.contextmanager
def monitored(folder: Path) -> Iterator[Monitored]:
    """Run all of it for the duration of the block."""
    repository, kept = folder / "models", folder / "prometheus"
    repository.mkdir()
    kept.mkdir()
    _write(repository)
    names = (ToyRepository.ensemble, AB, "echo", SLOW, FRAGILE)
    flags = ("--model-control-mode=explicit", *(f"--load-model={name}" for name in names), CACHE, *LATENCY_SUMMARIES)
    with started([repository], *flags) as triton, _exporter(triton.addresses.http) as exporter, _gpu() as gpu:
        targets = {
            "127.0.0.1:8002": json.dumps([triton.addresses.metrics.split("/")[2], gpu.url]),
            "127.0.0.1:8003": json.dumps([exporter]),
        }
        with scraping(targets, kept) as prometheus:
            yield Monitored(triton, prometheus, gpu, repository)


def _write(repository: Path) -> None:
    toy = ToyRepository(repository)
    toy.write()
    config = repository / CLASSIFIER / "config.pbtxt"
    config.write_text(f"{config.read_text()}\nresponse_cache {{ enable: true }}\n")
    echo.write(repository)
    (put(repository, "echo", "", version=2) / "model.onnx").write_bytes(echo.graph("echo/2@00000000"))
    put(repository, "echo", f"{echo.CONFIG}version_policy {{ all {{ }} }}\n")
    put(repository, ROUTER, _ROUTER)
    ensemble = (repository / ToyRepository.ensemble / "config.pbtxt").read_text()
    put(repository, AB, ensemble.replace(CLASSIFIER, ROUTER))
    for name in (SLOW, FRAGILE):
        put_python(repository, name, _SLOW_MODEL, _SLOW_CONFIG)
    put_python(repository, BROKEN, "raise RuntimeError('not today')\n", _SLOW_CONFIG)


@contextlib.contextmanager
def _exporter(url: str) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "scripts" / "exporter"), f"--url={url}", "--port=0"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("/")[2]
        finally:
            process.terminate()
    assert process.returncode == 0


@contextlib.contextmanager
def _gpu() -> Iterator[Gpu]:
    gpu = Gpu()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(gpu.exposition().encode())

        def log_message(self, *_: object) -> None:
            """Keep standard error free of a line for each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        gpu.url = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield gpu
        finally:
            server.shutdown()
            thread.join()
