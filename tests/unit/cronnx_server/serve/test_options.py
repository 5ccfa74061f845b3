from __future__ import annotations

import subprocess
import sys

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.options import GRPC_KEPT, LATENCY_SUMMARIES, Options, Tracing


def test_traces_go_to_the_url_one_of_so_many() -> None:
    flags = Tracing("http://collector:4318/v1/traces", rate=7).flags()
    assert "--trace-config=opentelemetry,url=http://collector:4318/v1/traces" in flags
    assert "--trace-config=rate=7" in flags


def test_the_defaults_are_addresses_and_quantiles() -> None:
    assert Options().flags() == [*Addresses().flags(), GRPC_KEPT, *LATENCY_SUMMARIES]
    assert Options(latency_quantiles=False).flags() == [*Addresses().flags(), GRPC_KEPT]


@pytest.mark.parametrize(("flags", "is_verbose"), [((), False), (("--id=1",), False), (("--log-verbose=1",), True)])
def test_a_verbose_log_is_asked_for_by_its_flag(flags: tuple[str, ...], is_verbose: bool) -> None:
    assert Options(server_flags=flags).is_verbose is is_verbose


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [((), 30), (("--exit-timeout-secs=5",), 5), (("--exit-timeout-secs", "7", "--log-verbose=1"), 7)],
)
def test_the_exit_timeout_is_the_servers(flags: tuple[str, ...], seconds: int) -> None:
    assert Options(server_flags=flags).exit_timeout_s == seconds


def test_every_option_is_a_flag() -> None:
    options = Options(profile="cuda", cache_bytes=7, tracing=Tracing("http://c/"), key=Key("0123456789abcdef", "mine"))
    flags = options.flags()
    assert {"--model-config-name=cuda", "--trace-config=rate=1000"} <= {*flags}
    assert [flag.partition("=")[0] for flag in flags if flag.endswith("cronnx-key=0123456789abcdef")] == [
        "--http-restricted-api",
        "--grpc-restricted-protocol",
    ]


@pytest.mark.parametrize(
    ("option", "got"),
    [
        ("--trace-url", "collector:4318"),
        ("--trace-rate", "0"),
        ("--trace-rate", "all"),
        ("--http-port", "0"),
        ("--http-port", "http"),
        ("--cache", "1000"),
    ],
)
def test_an_option_that_cannot_be_used_is_usage(option: str, got: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "serve"), option, got]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2
    assert f"got '{got}'" in ended.stderr
