from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from cronnx_lab.perf_analyzer.__main__ import concurrency
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses


@pytest.mark.parametrize("text", ["1", "1:16", "1:16:5"])
def test_a_concurrency_is_a_number_or_a_range(text: str) -> None:
    assert concurrency(text) == text


@pytest.mark.parametrize("text", ["", "0", "a", "1:", "1:2:3:4", "1:0", "-1"])
def test_another_concurrency_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected N, N:END or N:END:STEP"):
        concurrency(text)


def test_without_a_server_nothing_is_downloaded_and_the_address_is_named() -> None:
    port = free_addresses().http_port
    command = [sys.executable, str(ROOT / "scripts" / "perf_analyzer"), "--url", f"http://127.0.0.1:{port}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("perf_analyzer: ")
    assert f"127.0.0.1:{port}" in ended.stderr
