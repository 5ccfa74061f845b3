"""The server under test, and the generators that ask it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab import pictures
from cronnx_lab.bench import triton
from cronnx_lab.load import closed_loop, generator, open_loop
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.servers import Family
from cronnx_preprocess import Options
from cronnx_server import environment, repository
from cronnx_server.build_models.ready import ready
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve.addresses import Addresses

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        addresses: where it listens.
        family: its processes.
        requests: files, each with a whole HTTP request.
    """

    addresses: Addresses
    family: Family
    requests: list[str]

    def closed_loop(self, *, concurrency: int, seconds: float) -> closed_loop.Outcome:
        """Keep so many requests under way.

        Raises:
            SetupError: the server cannot be reached or hangs up.
        """
        order = closed_loop.Order([self._address], self.requests, concurrency, seconds)
        return closed_loop.Outcome(**self._run("cronnx_lab.load.closed_loop", asdict(order)))

    def open_loop(self, *, rate_per_s: float, seconds: float) -> open_loop.Outcome:
        """Send so many requests a second, answered or not.

        Raises:
            SetupError: the server cannot be reached.
        """
        order = open_loop.Order(self._address, self.requests, rate_per_s, seconds, PATIENCE_S)
        return open_loop.Outcome(**self._run("cronnx_lab.load.open_loop", asdict(order)))

    @property
    def _address(self) -> tuple[str, int]:
        return self.addresses.address, self.addresses.http_port

    def _run(self, module: str, order: dict[str, Any]) -> dict[str, Any]:
        output, _ = generator.run(
            [sys.executable, "-m", module],
            family=self.family,
            stdin=json.dumps(order),
        )
        found: dict[str, Any] = json.loads(output)
        return found


@contextlib.contextmanager
def serving(model: str, *, size: str, folder: Path) -> Iterator[Server]:
    """A server of one ensemble, and of what it calls, while this lasts.

    Args:
        model: the ensemble.
        size: of the pictures it will be asked for, one of `cronnx_lab.pictures.SIZES`.
        folder: for the requests.

    Raises:
        SetupError: it did not start.
    """
    with environment.alone():
        names = ready([model])
    images = pictures.make(size, folder).contents()
    with triton.running([MODEL_REPOSITORY, ENSEMBLES], names) as (addresses, family):
        yield Server(addresses, family, written(model, images, folder=folder))


def written(model: str, images: list[bytes], *, folder: Path) -> list[str]:
    """Write a request for each image into a folder, which is made; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"request-{number}" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(to_triton(model, image))
    return list(map(str, paths))


def places(model: str) -> int:
    """How many requests an ensemble can have, waiting and at work: what is ahead of the last one accepted.

    What waits is in the queue of `preprocess`; a later step has what the one before it hands over, a batch at a time.

    Raises:
        SetupError: a step's configuration cannot be read.
    """
    found = handed_over = 0
    for step in repository.steps(repository.read_config(ENSEMBLES / model)):
        config = repository.read_config(MODEL_REPOSITORY / step)
        if config.backend == "preprocess":
            found += _max_queue_size(config)
        instances = sum(group.count or 1 for group in config.instance_group) or 1
        found += handed_over + instances * config.max_batch_size
        handed_over = config.max_batch_size
    return found


def _max_queue_size(config: ModelConfig) -> int:
    model_config = json_format.MessageToDict(config, preserving_proto_field_name=True)
    return Options.from_model_config(model_config).max_queue_size
