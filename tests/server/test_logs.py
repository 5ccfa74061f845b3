"""The log of `scripts/serve --log-format json`: lines of JSON, with request ids on demand and never a picture."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cronnx import Client
from cronnx_server.paths import PICTURES, ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.tritonserver import gpu_count
from tests.server.conftest import ports, report_of
from tests.server.polling import until
from tests.server.triton import SERVER, started_by

PICTURE = (PICTURES / "coffee.jpg").read_bytes()


def documented(addresses: Addresses) -> str:
    """Return the command of docs/logs.md that changes the level, with this server's address."""
    (command,) = re.findall(r"^curl .*/v2/logging$", (ROOT / "docs" / "logs.md").read_text(), re.MULTILINE)
    return str(command).replace("localhost:8000", addresses.http)


def set_log(addresses: Addresses, **settings: object) -> None:
    body = json.dumps(settings).encode()
    urllib.request.urlopen(urllib.request.Request(f"{addresses.http}/v2/logging", data=body)).close()


def generate(addresses: Addresses, image: str) -> None:
    body = json.dumps({"image": image, "id": "asked-by-generate"}).encode()
    url = f"{addresses.http}/v2/models/efficientnet_lite0/generate"
    urllib.request.urlopen(urllib.request.Request(url, data=body)).close()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The log of requests over every protocol, at the default level first and then at higher levels."""
    path: Path = tmp_path_factory.mktemp("log") / "stderr"
    addresses = free_addresses()
    options = ["--models", "efficientnet_lite0", "--log-format", "json", *ports(addresses)]
    command = [sys.executable, str(ROOT / "scripts" / "serve"), *options]
    with (
        path.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as served,
    ):
        report_of(served)
        with Client(addresses.grpc) as grpc, Client(addresses.http) as http:
            grpc.classify(PICTURE)
            subprocess.run(["bash", "-c", documented(addresses)], check=True, capture_output=True)
            grpc.classify(PICTURE)
            set_log(addresses, log_verbose_level=2)
            http.classify(PICTURE)
            generate(addresses, base64.b64encode(PICTURE).decode())
            (server,) = started_by(served.pid, SERVER)
            server.send_signal(signal.SIGSEGV)  # Triton writes a backtrace
            until(lambda: server.pid not in {each.pid for each in started_by(served.pid)}, what="the server ends")
            until(lambda: http.is_ready("efficientnet_lite0"), what="the next server is ready")
        served.terminate()
        assert served.wait(timeout=60) == 0
    return path.read_text()


@pytest.fixture(scope="module")
def events(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_every_line_of_the_server_is_an_event(events: list[dict[str, Any]]) -> None:
    assert all({"time", "level", "message"} <= event.keys() for event in events)
    assert any(event["message"] == "successfully loaded 'efficientnet_lite0'" for event in events)
    models = [event["message"] for event in events if "| Model " in event["message"]]
    assert len(models) == 2, "of the server that crashed and of the next one"
    assert "| READY" in models[0]


def test_a_crash_is_told_with_its_backtrace_and_its_likely_cause(events: list[dict[str, Any]]) -> None:
    messages = [event["message"] for event in events]
    backtrace = messages.index("Signal (11) received.")
    restart = messages.index("tritonserver ended by SIGSEGV; restarting it at once")
    assert backtrace < restart
    assert "likely cause" in messages[restart + 1]


def test_a_healthy_start_without_a_gpu_logs_no_error(events: list[dict[str, Any]]) -> None:
    started = next(number for number, event in enumerate(events) if "Started HTTPService" in event["message"])
    if not gpu_count():
        assert [event for event in events[:started] if event["level"] in ("ERROR", "WARNING")] == []


def test_the_level_changes_while_the_server_runs_and_requests_have_their_ids(events: list[dict[str, Any]]) -> None:
    ids = {event["request_id"] for event in events if "request_id" in event}
    assert len(ids) == 3, "the first request came before the level was changed"


def test_no_picture_is_in_the_log_at_any_level(log: str) -> None:
    encoded = base64.b64encode(PICTURE).decode()
    assert b"JFIF" in PICTURE[:32]
    assert encoded[:40] not in log
    assert encoded[600:640] not in log
    assert "JFIF" not in log
