from __future__ import annotations

import subprocess
import sys

import pytest

from cronnx_server.paths import ROOT


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--url", "127.0.0.1:8000", "expected http://HOST:PORT or https://HOST:PORT, got '127.0.0.1:8000'"),
        ("--port", "70000", "expected a port from 1 to 65535, got '70000'"),
        ("--timeout-s", "0", "expected a number of seconds above 0, got '0'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_with_what_is_expected(option: str, value: str, reason: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "exporter"), option, value]
    ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
