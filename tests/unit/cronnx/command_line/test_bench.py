from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cronnx import ConnectionFailed, DeadlineExceeded, Outcome
from cronnx.command_line._bench import Measurement, measure, sample_image
from tests.unit.cronnx.command_line.fake_server import FakeServer, answer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]

SECONDS = 0.2
SHORT = ["--seconds", str(SECONDS)]


def test_every_concurrency_is_a_line(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["bench", *SHORT, "--concurrency", "1,8", "--model", "net"]) == 0
    headings, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert headings == ["CONCURRENCY", "IMAGES/S", "P50", "ms", "P95", "ms", "P99", "ms", "ERRORS"]
    assert [(line[0], *line[2:]) for line in lines] == [(n, "250.0", "250.0", "250.0", "0") for n in ("1", "8")]
    assert (server.options["model_name"], server.options["concurrency"]) == ("net", 8)


def test_json_is_one_document(cronnx: Command, capsys: Output) -> None:
    named = ["--url", "http://a:1", "--url", "http://b:1"]
    assert cronnx(["bench", *SHORT, "--concurrency", "1,8", "--model", "net", "--json", *named]) == 0
    document = json.loads(capsys.readouterr().out)
    (first, second) = document.pop("measurements")
    assert document == {
        "servers": ["http://a:1", "http://b:1"],
        "model": "net",
        "model_version": "",
        "images": 1,
        "seconds": SECONDS,
    }
    assert list(first) == ["concurrency", "images_per_s", "p50_ms", "p95_ms", "p99_ms", "errors"]
    assert (second["concurrency"], second["p99_ms"], second["errors"]) == (8, 250, 0)


def test_the_images_of_a_folder_are_sent(cronnx: Command, server: FakeServer, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "b.jpg").write_bytes(b"b")
    assert cronnx(["bench", ".", *SHORT]) == 0
    assert set(server.asked) == {b"a", b"b"}


def test_errors_are_counted_and_the_exit_code_tells(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    server.failures = {sample_image(): DeadlineExceeded("late")}
    assert cronnx(["bench", *SHORT, "--concurrency", "1"]) == 1
    assert capsys.readouterr().out.splitlines()[1].split()[1:5] == ["0.0", "-", "-", "-"]


@pytest.mark.usefixtures("folder")
def test_a_folder_without_images_is_a_failure(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["bench", "."]) == 1
    assert capsys.readouterr().err == "cronnx: .: no image in this folder\n"


def test_the_sample_is_a_photo_sized_jpeg_with_detail_and_always_the_same() -> None:
    image = Image.open(io.BytesIO(sample_image()))
    assert (image.format, image.size) == ("JPEG", (500, 375))
    assert 40_000 < len(sample_image()) < 200_000
    assert sample_image() == sample_image()


class Clock:
    """Advances by one second with each reading."""

    def __init__(self) -> None:
        self.now = -1.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class TimedClient:
    """Answers after the given times, or with the given errors."""

    def __init__(self, *seconds: float | Exception) -> None:
        self._seconds = list(seconds)
        self.images: list[bytes] = []

    def predict_many(self, images: Any, **_: Any) -> Iterator[Outcome[Any, Any]]:
        for index, (image, taken) in enumerate(zip(images, self._seconds, strict=False)):
            self.images.append(image)
            error = taken if isinstance(taken, Exception) else None
            yield Outcome(image, index, None if error else answer(image, 1), error, 0 if error else taken)  # type: ignore[arg-type]


def measured(client: Any, seconds: float = 1000) -> Measurement:
    return measure(client, [b"a", b"b"], concurrency=2, seconds=seconds, model_name="net", clock=Clock())


def test_images_are_sent_over_and_over_until_the_time_is_up() -> None:
    client = FakeServer().connect("")
    seen = measured(client, seconds=5)
    assert client._server.asked == [
        b"a",
        b"b",
        b"a",
        b"b",
    ]  # the clock reads 1 to 4, and 5 is the end
    assert seen.images_per_s == pytest.approx(4 / 6)


def test_latencies_are_percentiles_in_milliseconds() -> None:
    seen = measured(TimedClient(*(number / 1000 for number in range(101))))
    assert seen.latencies_ms == pytest.approx((50, 95, 99))


def test_errors_are_counted_and_have_no_latency() -> None:
    seen = measured(TimedClient(0.1, DeadlineExceeded("late"), 0.1))
    assert (seen.errors, seen.latencies_ms) == (1, pytest.approx((100, 100, 100)))


def test_without_an_answer_there_are_no_latencies() -> None:
    seen = measured(TimedClient(DeadlineExceeded("late")))
    assert (seen.images_per_s, seen.latencies_ms, seen.errors) == (0, None, 1)


def test_without_a_server_there_is_nothing_to_measure() -> None:
    with pytest.raises(ConnectionFailed):
        measured(TimedClient(ConnectionFailed("nobody there")))
