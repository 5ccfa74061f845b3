"""Promotions and splits outlive the processes that know them."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cronnx import Client, CronnxError
from cronnx_server.paths import STATE
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server.conftest import EXIT_SOON
from tests.server.polling import until
from tests.server.repositories import parameter, put
from tests.server.test_router_backend import router
from tests.server.test_serve import serving
from tests.server.toy import CLASSIFIER, ENSEMBLE, ToyRepository
from tests.server.triton import started_by

ROUTER = "toy_router"
ARMS = f"{CLASSIFIER}/1=100 {CLASSIFIER}/2=0"
V2 = "toy/2@00000000"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    ToyRepository(tmp_path).write()
    put(tmp_path, ROUTER, router(parameter("arms", ARMS)))
    return tmp_path


@pytest.fixture
def addresses() -> Iterator[Addresses]:
    addresses = free_addresses()
    yield addresses
    kept_in(addresses).unlink(missing_ok=True)


def kept_in(addresses: Addresses) -> Path:
    return STATE / "decisions" / f"{addresses.http_port}.json"


def kept(addresses: Addresses) -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads(kept_in(addresses).read_bytes())
    except FileNotFoundError:
        return {}
    return found


@contextlib.contextmanager
def served(repository: Path, addresses: Addresses) -> Iterator[tuple[psutil.Process, Client]]:
    with (
        serving(f"--model-repository={repository}", *EXIT_SOON, addresses=addresses) as process,
        Client(addresses.grpc, timeout_s=5) as client,
    ):
        until(lambda: answered_by(client, ROUTER) != "", what="the router answers")
        yield psutil.Process(process.pid), client
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def answered_by(client: Client, name: str) -> str:
    """Return who answers; empty for nobody."""
    try:
        return client.classify(b"x", model_name=name).served_by
    except CronnxError:
        return ""


def in_force(client: Client) -> bool:
    """Return whether both decisions are in force, and seen as such."""
    try:
        model, split = client.model(ENSEMBLE), client.model(ROUTER)
    except CronnxError:
        return False
    return (model.steps[0].model_version, model.configured, split.configured) == ("2", "1", ARMS)


def kill(server: psutil.Process, *words: str) -> None:
    """Kill those processes of a server whose command lines contain the words."""
    for process in started_by(server.pid, *words):
        with contextlib.suppress(psutil.NoSuchProcess):  # it was replaced by a load
            process.kill()


def answers_until_restored(client: Client) -> set[str]:
    """Ask the router until it answers again and both decisions are in force, and return who answered."""
    answers = set()

    def is_restored() -> bool:
        answer = answered_by(client, ROUTER)
        answers.add(answer)
        return bool(answer) and in_force(client)

    until(is_restored, what="the decisions are in force")
    return answers


def test_decisions_outlive_a_routers_process_the_server_and_scripts_serve_until_they_are_undone(
    repository: Path, addresses: Addresses
) -> None:
    with served(repository, addresses) as (server, client):
        assert answered_by(client, ROUTER) != V2
        client.promote(ENSEMBLE, "2")
        client.split(ROUTER, {"2": 100})
        until(lambda: kept(addresses).keys() == {ENSEMBLE, ROUTER}, what="the decisions are kept")
        for words in (("stub", f"/{ROUTER}/"), ("bin/tritonserver", f"--http-port={addresses.http_port}")):
            kill(server, *words)
            answers = answers_until_restored(client)
            assert answers <= {"", V2}, "a version that was switched off answered"
            assert answered_by(client, ENSEMBLE) == V2
    with served(repository, addresses) as (_, client):
        assert answered_by(client, ROUTER) == V2
        until(lambda: in_force(client), what="restored by another start")
        for name in (ENSEMBLE, ROUTER):
            client.reset(name)
            assert answered_by(client, name) == "toy/1@00000000"
        until(lambda: not kept(addresses), what="nothing is decided any more")
