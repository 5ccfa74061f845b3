from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cronnx_server.paths import ROOT
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def doctor(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "doctor"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_the_help_says_what_the_exit_status_means() -> None:
    helped = doctor("--help")
    assert helped.returncode == 0
    assert "Exit status: 0 no errors" in helped.stdout


def test_warnings_alone_are_no_failure(disk: OnDisk) -> None:
    disk.change("net", "dynamic_batching { }", "")
    ended = doctor("--model-repository", disk.root)
    assert ended.returncode == 0
    assert ended.stdout.endswith("3 models: 0 errors, 1 warning\n")


def test_an_error_is_printed_as_seen_from_here(disk: OnDisk) -> None:
    disk.change("classify", '"net"', '"nett"')
    ended = doctor("--model-repository", "models", cwd=disk.root.parent)
    assert ended.returncode == 1
    assert ended.stdout.startswith("error    models/classify/config.pbtxt: step 2 is 'nett'")


def test_json_is_the_whole_output(disk: OnDisk) -> None:
    disk.change("classify", '"net"', '"nett"')
    ended = doctor("--model-repository", disk.root, "--json")
    assert ended.returncode == 1
    assert [finding["check"] for finding in json.loads(ended.stdout)] == ["wiring"]


def test_a_repository_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    ended = doctor("--model-repository", tmp_path / "none")
    assert ended.returncode == 2
    assert str(tmp_path / "none") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_profile_that_is_not_there_is_answered_with_those_that_are(disk: OnDisk) -> None:
    disk.add("net", files={"configs/fast.pbtxt": b""})
    ended = doctor("--model-repository", disk.root, "--profile", "slow")
    assert ended.returncode == 2
    assert "no model has a configs/slow.pbtxt; the profiles are fast" in ended.stderr
