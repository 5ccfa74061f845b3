from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cronnx.command_line import main
from tests.unit.cronnx.command_line.fake_server import FakeServer


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the key of the user who runs the tests out of them."""
    monkeypatch.delenv("CRONNX_KEY", raising=False)
    monkeypatch.delenv("CRONNX_KEY_FILE", raising=False)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def cronnx(server: FakeServer) -> Callable[[list[str]], int]:
    """The command, connected to `server`."""
    return partial(main, connect=server.connect)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRONNX_URL", raising=False)
    return tmp_path
