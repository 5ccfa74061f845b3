from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_lab.address import Address
from cronnx_lab.perf_analyzer.program import PerfAnalyzer, one_measurement, perf_analyzer, read_spans
from cronnx_server.errors import SetupError


def test_the_command_asks_one_model_of_one_server(tmp_path: Path) -> None:
    program = PerfAnalyzer(Path("/bin/perf_analyzer"), tmp_path)
    server = Address("http", "127.0.0.1:1")
    command = program.command("net", server, concurrency="1:16:5", inputs=Path("in.json"), flags=["--percentile=95"])
    assert command == [
        *("/bin/perf_analyzer", "-m", "net", "-u", "127.0.0.1:1", "-i", "http", "--async"),
        *("--input-data=in.json", "--concurrency-range=1:16:5", "--percentile=95"),
    ]


def test_a_machine_without_glibc_is_refused_with_systems_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    with pytest.raises(SetupError, match=r"needs glibc, got another C library; use Debian 12, Ubuntu 22\.04"):
        perf_analyzer()


def test_three_windows_hold_the_warm_up_and_the_seconds(tmp_path: Path) -> None:
    flags = one_measurement(2.5, tmp_path)
    assert "--measurement-interval=1000" in flags
    assert "--max-trials=3" in flags


def test_times_are_read_from_an_export_that_holds_bytes_of_images(tmp_path: Path) -> None:
    answered = (
        b'{"timestamp": 1000000000, "request_inputs": {"image": "\xff\xd8"}, "response_timestamps": [1500000000]}'
    )
    unanswered = b'{"timestamp": 2000000000, "response_timestamps": []}'
    export = tmp_path / "export.json"
    export.write_bytes(b'{"experiments": [{"requests": [' + answered + b", " + unanswered + b"]}]}")
    assert read_spans(export) == [(1.0, 1.5)]
