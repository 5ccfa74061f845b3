from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from cronnx import Client, ConnectionFailed
from tests.unit.cronnx.fake_transport import FakeTransport


@pytest.fixture
def client(transport: FakeTransport) -> Iterator[Client]:
    with Client(transport=transport) as client:
        yield client


def test_progress_is_told_on_standard_error(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = list(client.classify_many([b"cat"] * 9 + [b"broken"], progress=True))
    shown = capfd.readouterr()
    assert len(outcomes) == 10
    assert shown.out == ""
    assert "10/10" in shown.err
    assert "1 errors" in shown.err


def test_an_input_of_unknown_length_shows_progress_too(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.classify_many(iter([b"cat"] * 10), progress=True))) == 10
    assert "10/?" in capfd.readouterr().err


def test_nothing_is_told_unless_asked_for(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.classify_many([b"cat"] * 10))) == 10
    assert capfd.readouterr() == ("", "")


def test_a_bar_goes_with_outcomes_that_are_closed(
    client: Client, transport: FakeTransport, capfd: pytest.CaptureFixture[str]
) -> None:
    transport.failure = ConnectionFailed("gone")
    outcomes = client.classify_many([b"cat"] * 10, progress=True)
    next(outcomes)
    outcomes.close()
    client.close()
    assert capfd.readouterr().err.count("errors") >= 1


def test_rich_is_imported_for_a_bar_alone() -> None:
    program = "import sys, cronnx; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
