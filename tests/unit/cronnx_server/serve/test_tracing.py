from __future__ import annotations

import subprocess
import sys

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.tracing import Tracing


def test_traces_go_to_the_url_one_of_so_many() -> None:
    flags = Tracing("http://collector:4318/v1/traces", rate=7).flags()
    assert "--trace-config=opentelemetry,url=http://collector:4318/v1/traces" in flags
    assert "--trace-config=rate=7" in flags


@pytest.mark.parametrize(
    ("option", "came"), [("--trace-url", "collector:4318"), ("--trace-rate", "0"), ("--trace-rate", "all")]
)
def test_what_no_trace_could_be_made_of_is_usage(option: str, came: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "serve"), option, came]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2
    assert f"'{came}' came" in ended.stderr
