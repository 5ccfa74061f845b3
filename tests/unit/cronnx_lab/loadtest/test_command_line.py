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
    assert "exit status: 0 every threshold was held" in helped.stdout


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["wave"], "invalid choice: 'wave'"),
        (["--url", "localhost"], "'localhost' is no server's address"),
        (["--users", "0"], "'0' is no whole number above 0"),
        (["--duration-s", "1.5"], "'1.5' is no whole number above 0"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(arguments: list[str], refusal: str) -> None:
    refused = loadtest(*arguments)
    assert refused.returncode == 2
    assert refusal in refused.stderr
