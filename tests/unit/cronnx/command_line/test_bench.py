from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cronnx import DeadlineExceeded
from cronnx.command_line._sample_image import sample_image
from tests.unit.cronnx.command_line.fake_server import FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]

SHORT = ["--seconds", "0.01"]


def test_every_concurrency_is_a_line(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["bench", *SHORT, "--concurrency", "1,8", "--model", "net"]) == 0
    headings, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert headings == ["CONCURRENCY", "IMAGES/S", "P50", "ms", "P95", "ms", "P99", "ms", "ERRORS"]
    assert [(line[0], *line[2:]) for line in lines] == [(n, "250.0", "250.0", "250.0", "0") for n in ("1", "8")]
    assert (server.options["model_name"], server.options["concurrency"]) == ("net", 8)


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
