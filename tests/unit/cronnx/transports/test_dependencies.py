"""The client's dependencies, within the versions that client/pyproject.toml names.

The client relies on private behaviour of these:

- aiohttp and tritonclient: `client._conn._close` closes the connections of a client that is collected unclosed, and
  `client._conn._closed` marks them as closed in a forked process.
- tritonclient: `client._stub` is the session that sends its requests, and its words for a refusal that is not JSON.
- grpcio: the messages of a missing connection, and the `PollerCompletionQueue` in its harmless errors.

The behaviour itself is tested in test_http.py, test_grpc.py and tests/unit/cronnx/test_lifecycle.py.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from grpc._cython import cygrpc
from packaging.requirements import Requirement
from tritonclient.http.aio import InferenceServerClient

from cronnx._transports.http import connector_close

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[4]
PROJECT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    Requirement(each) for each in itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
]
BOUNDS = {requirement.name: requirement.specifier for requirement in REQUIREMENTS}
NEEDED = [each.name for each in REQUIREMENTS if each.marker is None or each.marker.evaluate({"extra": ""})]
LOCKED = {
    name: version
    for lock in ("server", "test")
    for name, version in re.findall(
        r"^([\w-]+)==(\S+)", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE
    )
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_dependency_has_an_oldest_version_and_an_end(name: str) -> None:
    assert {each.operator for each in BOUNDS[name]} == {">=", "<"}


@pytest.mark.parametrize("name", NEEDED)
def test_the_installed_version_is_within_the_bounds(name: str) -> None:
    assert version(name) in BOUNDS[name], (
        f"client/pyproject.toml: expected {name}{BOUNDS[name]}, got {name} {version(name)} in .venv; run"
        " tests/unit/cronnx with it, and widen the bounds if they pass"
    )


@pytest.mark.parametrize("name", BOUNDS)
def test_the_locked_version_is_within_the_bounds(name: str) -> None:
    assert LOCKED[name] in BOUNDS[name], (
        f"requirements/server.txt: expected {name}{BOUNDS[name]} as in client/pyproject.toml, got {LOCKED[name]}"
    )


def test_an_unclosed_http_client_can_still_be_closed_without_its_event_loop() -> None:
    async def open_client() -> InferenceServerClient:
        return InferenceServerClient("127.0.0.1:1")

    client = asyncio.run(open_client())
    try:
        close = connector_close(client)
    except AttributeError as error:
        pytest.fail(f"tritonclient or aiohttp has changed: {error}; cronnx._transports.http.connector_close needs it")
    close()
    assert client._stub.closed, "aiohttp has changed: BaseConnector._close no longer closes the session"


def test_grpc_still_has_the_queue_whose_errors_are_ignored() -> None:
    assert hasattr(cygrpc, "PollerCompletionQueue"), (
        "grpcio has changed: it has no PollerCompletionQueue; cronnx._transports.grpc.ignore_spurious_wakeups needs it"
    )
