from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from cronnx import Client, InvalidInput, ModelNotFound, NotReady, Retry, ServerFault
from cronnx._transports.base import Json
from cronnx._transports.failover import Failover
from tests.unit.cronnx.fake_transport import FakeTransport

CONFIGS: dict[str, dict[str, Any]] = {
    "net": {"name": "net"},
    "new": {"name": "new"},
    "photos": {"name": "photos", "ensemble_scheduling": {"step": [{"model_name": "step"}]}},
    "ab": {"name": "ab", "backend": "router", "parameters": {"arms": {"string_value": "net/1=90 other/2=10"}}},
    "step": {"name": "step"},
    "other": {"name": "other"},
}


class FakeServer(FakeTransport):
    """Has models that are loaded, and records what is loaded and unloaded."""

    def __init__(self, *ready: str) -> None:
        super().__init__()
        self.ready = set(ready)
        self.commands: list[tuple[str, ...]] = []
        self.failures: dict[str, Exception] = {}
        self.lost: set[str] = set()

    async def repository_index(self) -> list[Json]:
        return [{"name": name, "state": "READY" if name in self.ready else ""} for name in CONFIGS]

    async def model_config(self, model_name: str, model_version: str = "") -> Json:  # noqa: ARG002 - the API's
        return CONFIGS[model_name]

    async def load_model(self, model_name: str, config: str | None = None) -> None:  # noqa: ARG002 - the API's
        self._change("load", model_name)
        self.ready = (self.ready | {model_name}) - self.lost

    async def unload_model(self, model_name: str) -> None:
        self._change("unload", model_name)
        self.ready.discard(model_name)

    def _change(self, command: str, model_name: str) -> None:
        self.commands.append((command, model_name))
        if command in self.failures:
            raise self.failures[command]


Servers = Sequence[FakeServer]


@pytest.fixture
def servers() -> Servers:
    return [FakeServer("net"), FakeServer("net")]


@pytest.fixture
def client(servers: Servers) -> Iterator[Client]:
    with Client(transport=Failover(servers, names=("one", "two")), retry=Retry(attempts=1)) as client:
        yield client


def test_a_model_is_loaded_and_unloaded_on_every_server(client: Client, servers: Servers) -> None:
    client.load("new")
    client.unload("new")
    assert [server.commands for server in servers] == [[("load", "new"), ("unload", "new")]] * 2


def test_nothing_is_loaded_if_one_server_lacks_the_model(client: Client, servers: Servers) -> None:
    for change in (client.load, client.unload):
        with pytest.raises(ModelNotFound, match=r"^one: no model nosuch is in the server's repository; two: no model"):
            change("nosuch")
    assert [server.commands for server in servers] == [[], []]


def test_a_new_model_that_one_server_cannot_load_is_unloaded_from_the_others(client: Client, servers: Servers) -> None:
    servers[1].failures["load"] = ServerFault("broken")
    with pytest.raises(ServerFault, match=r"^two: broken; one was restored; two was restored$"):
        client.load("new")
    assert [server.ready for server in servers] == [{"net"}, {"net"}]


def test_a_reload_that_fails_is_not_sent_to_the_next_server(client: Client, servers: Servers) -> None:
    servers[0].failures["load"] = ServerFault("broken")
    with pytest.raises(ServerFault, match=r"^one: broken$"):
        client.load("net")
    assert servers[1].commands == []


def test_a_reload_that_cannot_be_undone_is_reported(client: Client, servers: Servers) -> None:
    servers[1].failures["load"] = ServerFault("broken")
    with pytest.raises(ServerFault, match=r"^two: broken; one keeps the change, which cannot be undone$"):
        client.load("net")


def test_a_load_that_makes_another_model_unavailable_is_reported(client: Client, servers: Servers) -> None:
    servers[0].ready.add("photos")
    servers[0].lost = {"photos"}
    with pytest.raises(NotReady, match=r"^one: loaded, but no longer ready: photos;"):
        client.load("net")


@pytest.mark.parametrize(("user", "needed"), [("photos", "step"), ("ab", "net"), ("ab", "other")])
def test_a_model_that_an_ensemble_or_a_router_needs_is_unloaded_nowhere(
    client: Client, servers: Servers, user: str, needed: str
) -> None:
    servers[1].ready |= {user, needed}
    with pytest.raises(InvalidInput, match=rf"^two: needed by {user}: unload that first; nothing was changed$"):
        client.unload(needed)
    assert [server.commands for server in servers] == [[], []]


def test_an_unload_that_fails_on_one_server_is_undone_on_the_others(client: Client, servers: Servers) -> None:
    servers[1].failures["unload"] = ServerFault("no")
    with pytest.raises(ServerFault, match=r"^two: no; one was restored; two was restored$"):
        client.unload("net")
    assert [server.ready for server in servers] == [{"net"}, {"net"}]


def test_a_server_that_cannot_be_restored_is_reported(client: Client, servers: Servers) -> None:
    servers[1].failures["load"] = ServerFault("broken")
    servers[0].failures["unload"] = ServerFault("stuck")
    with pytest.raises(ServerFault, match=r"^two: broken; one could not be restored: stuck; two was restored$"):
        client.load("new")
