"""Killed runs, and the run that completes them."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cronnx.command_line import child
from tests.unit.cronnx.command_line.fake_server import FakeServer

Command = Callable[[list[str]], int]

ROOT = Path(__file__).parents[4]


def killed_run(arguments: list[str], *, after: int) -> int:
    """Run the command, kill it after a number of requests, and return how many requests it sent.

    Until the kill takes effect, the command continues as far as the pipe of 4096 bytes allows.
    """
    dots, writing = os.pipe()
    fcntl.fcntl(dots, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", child.__name__, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOTS": str(writing)}
    with (
        os.fdopen(dots, "rb") as asked,
        subprocess.Popen(command, env=environment, pass_fds=[writing], stderr=subprocess.PIPE) as process,
    ):
        os.close(writing)
        asked.read(after * len(child.DOT))
        process.kill()
        _, complaints = process.communicate()
        assert process.returncode == -signal.SIGKILL, complaints
        return after + len(asked.read()) // len(child.DOT)


def paths_in(file: Path) -> list[str]:
    if file.suffix == ".jsonl":
        return [json.loads(line)["path"] for line in file.read_text().splitlines()]
    if file.suffix == ".csv":
        with file.open(newline="", errors="surrogateescape") as lines:
            return [row["path"] for row in csv.DictReader(lines)]
    import pyarrow.parquet

    return list(pyarrow.parquet.read_table(file)["path"].to_pylist())


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_runs_killed_at_any_moment_do_nothing_twice_and_lose_nothing(
    cronnx: Command, server: FakeServer, folder: Path, suffix: str
) -> None:
    images = [f'in/{number:04}\n".jpg' for number in range(1000)]
    (folder / "in").mkdir()
    for image in images:
        Path(image).touch()
    output = folder / f"results{suffix}"
    command = ["predict", "in", "--output", str(output)]
    kills = (1, 7, 50, 300)
    asked = sum(killed_run(command, after=after) for after in kills)
    assert cronnx(command) == 0
    assert Counter(paths_in(output)) == Counter(images)
    assert asked + len(server.asked) <= len(images) + len(kills)  # only running requests are repeated
