from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cronnx import Client, InvalidInput, NotReady, Retry
from cronnx._transports.base import Json
from cronnx._transports.failover import Failover
from tests.unit.cronnx.fake_transport import FakeTransport

ROUTER = {
    "name": "toy_router",
    "backend": "router",
    "max_batch_size": 16,
    "parameters": {"arms": {"string_value": " toy_onnx/1=90 toy_onnx/2=10"}, "shadow": {"string_value": "other/1"}},
}
STEPS = [{"model_name": "preprocess", "model_version": "-1"}, {"model_name": "toy_router", "model_version": "-1"}]
CONFIGS: dict[str, dict[str, Any]] = {
    "toy_router": ROUTER,
    "preprocess": {"name": "preprocess", "backend": "preprocess"},
    "toy_ab": {"name": "toy_ab", "platform": "ensemble", "ensemble_scheduling": {"step": STEPS}},
    "toy": {"name": "toy", "platform": "ensemble", "ensemble_scheduling": {"step": STEPS[:1]}},
}


class FakeServer(FakeTransport):
    """Has an ensemble with a router, and loaded arms."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = {"toy_ab", "toy_router", "toy_onnx/1", "toy_onnx/2", "other/1"}
        self.router: Json = ROUTER
        self.loads: list[tuple[str, dict[str, Any]]] = []

    async def model_config(self, model_name: str, model_version: str = "") -> Json:  # noqa: ARG002 - the API's
        return self.router if model_name == ROUTER["name"] else CONFIGS[model_name]

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:
        return (f"{model_name}/{model_version}" if model_version else model_name) in self.ready

    async def load_model(self, model_name: str, config: str | None = None) -> None:
        self.router = json.loads(config or "")
        self.loads.append((model_name, json.loads(config or "")))


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(transport=server, retry=Retry(attempts=1)) as client:
        yield client


@pytest.mark.parametrize("model_name", ["toy_ab", "toy_router"])
def test_a_split_changes_the_routers_arms_and_nothing_else(client: Client, server: FakeServer, model_name: str) -> None:
    assert client.split(model_name, {"1": 80, "2": 20}) == {"toy_onnx/1": 80, "toy_onnx/2": 20}
    ((name, config),) = server.loads
    assert name == "toy_router"
    assert config.pop("parameters") == {
        "arms": {"string_value": "toy_onnx/1=80 toy_onnx/2=20"},
        "configured": {"string_value": " toy_onnx/1=90 toy_onnx/2=10"},
        "shadow": {"string_value": "other/1"},
    }
    assert config == {key: value for key, value in ROUTER.items() if key != "parameters"}


def test_an_arm_of_another_model_is_named_in_full(client: Client, server: FakeServer) -> None:
    assert client.split("toy_ab", {"1": 0.5, "other/1": 0.5}) == {"toy_onnx/1": 0.5, "other/1": 0.5}
    assert server.loads[0][1]["parameters"]["arms"]["string_value"] == "toy_onnx/1=0.5 other/1=0.5"


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({}, "expected at least one above 0, got none"),
        ({"1": 0}, "expected at least one above 0, got none"),
        ({"1": -1}, "weight of 1: expected a number of 0 or more, got -1"),
        ({"1": float("nan")}, "weight of 1: expected .*, got nan"),
        ({"newest": 1}, "arm: expected a version, or MODEL/VERSION; got 'toy_onnx/newest'"),
        ({"/1": 1}, "got '/1'"),
    ],
)
def test_an_invalid_split_never_reaches_the_router(
    client: Client, server: FakeServer, weights: Mapping[str, float], problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        client.split("toy_ab", weights)
    assert server.loads == []


def test_an_arm_that_is_not_loaded_is_refused(client: Client, server: FakeServer) -> None:
    with pytest.raises(NotReady, match="toy_onnx/3 is not ready: load it first"):
        client.split("toy_ab", {"1": 1, "3": 1})
    assert server.loads == []


@pytest.mark.parametrize("model_name", ["toy", "preprocess"])
def test_a_model_without_a_router_cannot_be_split(client: Client, model_name: str) -> None:
    with pytest.raises(
        InvalidInput, match=f"{model_name}: expected an ensemble with one model of the backend 'router'.* got 0"
    ):
        client.split(model_name, {"1": 1})


def test_an_ensemble_that_is_not_ready_afterwards_is_an_error(client: Client, server: FakeServer) -> None:
    server.ready.remove("toy_ab")
    with pytest.raises(NotReady, match="toy_ab is not ready with toy_onnx/1=1"):
        client.split("toy_ab", {"1": 1})


def test_a_reset_restores_the_arms_of_the_file(client: Client, server: FakeServer) -> None:
    client.split("toy_ab", {"1": 80, "2": 20})
    client.split("toy_ab", {"2": 100})
    client.reset("toy_ab")
    arms = ROUTER["parameters"]["arms"]
    assert server.router == {**ROUTER, "parameters": {**ROUTER["parameters"], "configured": arms}}


def test_a_split_that_fails_on_one_server_is_undone_on_the_others() -> None:
    servers = [FakeServer(), FakeServer()]
    servers[1].ready.remove("toy_ab")
    with (
        Client(transport=Failover(servers, names=("one", "two")), retry=Retry(attempts=1)) as client,
        pytest.raises(NotReady, match=r"^two: toy_ab is not ready with toy_onnx/2=100; one was restored; two was"),
    ):
        client.split("toy_ab", {"2": 100})
    assert [server.router for server in servers] == [ROUTER, ROUTER]
