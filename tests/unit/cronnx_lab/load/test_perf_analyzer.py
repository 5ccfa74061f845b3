from __future__ import annotations

import base64
import json
from pathlib import Path

from cronnx_lab.load.perf_analyzer import PerfAnalyzer, input_data, read_spans


def test_an_image_follows_its_length() -> None:
    (entry,) = json.loads(input_data([b"image"]))["data"]
    assert base64.b64decode(entry["image"]["content"]["b64"]) == b"\x05\x00\x00\x00image"
    assert entry["image"]["shape"] == [1]


def test_three_windows_hold_the_warm_up_and_the_seconds(tmp_path: Path) -> None:
    program = PerfAnalyzer(Path("/bin/perf_analyzer"), tmp_path)
    command = program.command("net", "127.0.0.1:1", concurrency=4, seconds=2.5, inputs=tmp_path, export=tmp_path)
    assert command[:3] == ["/bin/perf_analyzer", "-m", "net"]
    assert "--measurement-interval=1000" in command
    assert "--max-trials=3" in command
    assert "--concurrency-range=4" in command


def test_times_are_read_from_an_export_that_holds_bytes_of_images(tmp_path: Path) -> None:
    answered = (
        b'{"timestamp": 1000000000, "request_inputs": {"image": "\xff\xd8"}, "response_timestamps": [1500000000]}'
    )
    unanswered = b'{"timestamp": 2000000000, "response_timestamps": []}'
    export = tmp_path / "export.json"
    export.write_bytes(b'{"experiments": [{"requests": [' + answered + b", " + unanswered + b"]}]}")
    assert read_spans(export) == [(1.0, 1.5)]
