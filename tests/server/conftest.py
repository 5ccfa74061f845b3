"""The server that `scripts/serve` starts, and pictures whose classes are known."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import PICTURES, ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server.triton import started_by

# A server that has lost a stub or failed to load a version waits for all of it: docs/triton.md.
EXIT_SOON = ("--", "--exit-timeout-secs=3")
LABELLED_PICTURES = ROOT.parent / "shared" / "images"


@dataclass(frozen=True)
class Served:
    """A running `scripts/serve`: its addresses and what it printed when it was ready."""

    addresses: Addresses
    report: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    addresses = free_addresses()
    with environment.setup_lock():
        build_missing(None)  # in INT8 too, which the first start of a clone builds only after it is up
    command = [sys.executable, str(ROOT / "scripts" / "serve"), *ports(addresses), *EXIT_SOON]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        yield Served(addresses, report_of(process), process)
        family = started_by(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)  # test_serve.py judges the exit status: bad input may have cost this server a stub
        _, left = psutil.wait_procs(family, timeout=60)
        assert not left, f"outlived the server: {left}"


def ports(addresses: Addresses) -> list[str]:
    return [
        f"--http-port={addresses.http_port}",
        f"--grpc-port={addresses.grpc_port}",
        f"--metrics-port={addresses.metrics_port}",
    ]


def report_of(process: subprocess.Popen[str]) -> str:
    """Return what `scripts/serve` prints when it is ready, up to its curl command."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "curl" in line:
            return "".join(lines)
    pytest.fail(f"scripts/serve ended with {process.wait()} before it was ready; it printed {lines}")


@pytest.fixture(scope="session")
def pictures() -> dict[str, Path]:
    return {path.stem: path for path in PICTURES.glob("*.jpg")}


@dataclass(frozen=True)
class LabelledPicture:
    path: Path
    class_id: int


@pytest.fixture(scope="session")
def labelled_pictures() -> list[LabelledPicture]:
    if not LABELLED_PICTURES.is_dir():
        pytest.skip("the 100 labelled pictures are not part of the project")
    with (LABELLED_PICTURES / "labels.csv").open() as file:
        return [LabelledPicture(LABELLED_PICTURES / row["file"], int(row["class_id"])) for row in csv.DictReader(file)]
