from __future__ import annotations

import subprocess
import sys

from cronnx_server.paths import ROOT


def set_up(*extras: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "scripts" / "set_up"), *extras], capture_output=True, text=True)


def test_an_environment_that_is_whole_is_left_alone_without_a_word() -> None:
    ended = set_up("lab", "test")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_an_extra_that_there_is_not_is_usage() -> None:
    ended = set_up("docs")
    assert ended.returncode == 2
    assert "expected one of lab, test, got 'docs'" in ended.stderr
