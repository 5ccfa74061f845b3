from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

COMMAND = [sys.executable, "-I", "-m", "cronnx", "playground", "--port", "0", "--url"]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    with socket.socket() as bound:  # nobody answers there, and nobody else takes the port
        bound.bind(("127.0.0.1", 0))
        command = [*COMMAND, f"http://127.0.0.1:{bound.getsockname()[1]}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
            yield started
            started.kill()


@pytest.fixture(scope="module")
def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_the_address_is_printed_when_it_answers(address: str) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", address)
    with urllib.request.urlopen(f"{address}/api/server") as answer:
        assert json.load(answer)["live"] is False


def test_a_request_of_another_site_is_refused(address: str) -> None:
    request = urllib.request.Request(address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_port_that_is_taken_is_told(
    address: str, cronnx: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    port = address.rpartition(":")[2]
    with pytest.raises(SystemExit, match="2"):
        cronnx(["playground", "--port", port])
    advice = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port or --host"
    assert advice in capsys.readouterr().err


def test_ctrl_c_ends_it_without_a_word(process: subprocess.Popen[str], address: str) -> None:
    assert address
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--port", "x"], "expected a port, 0 to 65535, got 'x'"),
        (["--port", "65536"], "expected a port, 0 to 65535, got '65536'"),
        (["--url", "ftp://host"], "server URL: expected grpc://HOST:PORT"),
        (["--header", "cronnx-key=a-secret-key"], "header cronnx-key: expected no key"),
        (["--pictures", "nowhere"], "--pictures: expected a folder, got nowhere"),
    ],
)
def test_what_cannot_be_used_is_told(
    cronnx: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cronnx(["playground", *arguments])
    error = capsys.readouterr().err
    assert problem in error
    assert "a-secret-key" not in error


def test_the_help_says_that_a_key_is_refused(
    cronnx: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cronnx(["playground", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "A key is refused" in text
    assert "CRONNX_KEY" not in text


def test_a_missing_extra_is_told(
    cronnx: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "cronnx.playground.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit, match="2"):
        cronnx(["playground"])
    advice = "expected the extra `playground`, got no uvicorn; client/README.md says how to install it"
    assert advice in capsys.readouterr().err


def test_nothing_of_the_extra_is_imported_by_cronnx() -> None:
    code = "import sys, cronnx.command_line; sys.exit(bool({'starlette', 'uvicorn', 'flask'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-I", "-c", code], timeout=120).returncode == 0
