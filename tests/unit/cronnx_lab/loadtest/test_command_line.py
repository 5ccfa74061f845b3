from __future__ import annotations

import subprocess
import sys

import pytest

from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_server.paths import ROOT


def loadtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "loadtest"), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def test_the_help_names_the_shapes_and_what_the_exit_status_means() -> None:
    helped = loadtest("--help")
    assert helped.returncode == 0
    assert all(f"  {name:8}{shape.purpose}" in helped.stdout for name, shape in SHAPES.items())
    assert "exit status: 0 every threshold was met" in helped.stdout


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["wave"], "invalid choice: 'wave'"),
        (["--url", "localhost"], "expected grpc://HOST:PORT or http://HOST:PORT, got 'localhost'"),
        (["--users", "0"], "expected a whole number from 1, got '0'"),
        (["--duration-s", "1.5"], "expected a whole number from 1, got '1.5'"),
    ],
)
def test_an_unusable_argument_is_refused_with_what_was_expected(arguments: list[str], refusal: str) -> None:
    refused = loadtest(*arguments)
    assert refused.returncode == 2
    assert refusal in refused.stderr
