"""A server that says it is ready is warm: each step has run a single picture and a batch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronnx import Client
from cronnx_server import environment, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.server import triton

ENSEMBLE = "efficientnet_lite0"
FOLDERS = repository.models(MODEL_REPOSITORY)
STEPS = repository.steps(repository.read_config(ENSEMBLES / ENSEMBLE))


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a server that has had no request yet."""
    with environment.setup_lock():
        build_missing([ENSEMBLE])
    flags = ("--model-control-mode=explicit", f"--load-model={ENSEMBLE}")
    with triton.running([MODEL_REPOSITORY, ENSEMBLES], *flags) as addresses, Client(addresses.grpc) as client:
        yield client


def batch_sizes(client: Client) -> dict[str, dict[int, int]]:
    """Return how often each version of each model ran, by batch size."""
    return {f"{each.name}/{each.version}": dict(each.batch_sizes) for each in client.statistics()}


def test_every_step_has_run_alone_and_in_a_batch_before_the_first_request(client: Client) -> None:
    samples = {name: repository.read_config(FOLDERS[name]).model_warmup for name in STEPS}
    found = batch_sizes(client)
    assert found.pop(f"{ENSEMBLE}/1") == {}, "an ensemble counts only requests of callers"
    assert {name.partition("/")[0] for name in found} == set(samples)
    for name, runs in found.items():
        assert runs == {sample.batch_size: 1 for sample in samples[name.partition("/")[0]]}, name
