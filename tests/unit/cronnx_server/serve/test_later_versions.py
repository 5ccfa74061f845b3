"""Versions are built one after another beside a server, and loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from cronnx_server.serve.later_versions import LOWEST_PRIORITY, LaterVersions, command_of
from tests.server.polling import until

BUILD = "import os, sys; open(sys.argv[1], 'w').write(str(os.nice(0)))"
WAIT = "import sys, time; open(sys.argv[1], 'w').write('begun'); time.sleep(60)"
FAIL = """
import sys
name, _, version = sys.argv[1].rpartition("/")[2].partition("-")
print("==> Building", file=sys.stderr)
sys.exit(f"build_models: {name} version {version}: no network")
"""


def later(source: str, folder: Path, loaded: list[str]) -> LaterVersions:
    return LaterVersions(
        {("net", 2): ["net_onnx"], ("other", 3): ["other_onnx", "other"], ("net", 4): ["net_onnx"]},
        load=loaded.append,
        command=lambda name, version: [sys.executable, "-c", source, str(folder / f"{name}-{version}")],
    )


def test_each_version_is_built_at_the_lowest_priority_and_then_loaded(tmp_path: Path) -> None:
    loaded: list[str] = []
    versions = later(BUILD, tmp_path, loaded)
    versions.start()
    versions.wait()
    assert loaded == ["net_onnx", "other_onnx", "other", "net_onnx"]
    assert {path.name for path in tmp_path.iterdir()} == {"net-2", "other-3", "net-4"}
    assert int((tmp_path / "other-3").read_text()) in (0, LOWEST_PRIORITY), "it may begin before it is set"


def test_a_version_that_cannot_be_built_is_told_and_not_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded: list[str] = []
    versions = later(FAIL, tmp_path, loaded)
    versions.start()
    versions.wait()
    assert loaded == []
    assert capsys.readouterr().err.splitlines() == [
        f"==> cannot build {each}: no network; the next start tries again"
        for each in ("net version 2", "other version 3")
    ], "a later version of a model that failed is not tried"


def test_a_server_that_ends_ends_the_build(tmp_path: Path) -> None:
    loaded: list[str] = []
    versions = later(WAIT, tmp_path, loaded)
    versions.start()
    until(lambda: (tmp_path / "net-2").exists(), what="the build runs")
    versions.stop()
    versions.wait()
    assert loaded == []
    assert not (tmp_path / "other-3").exists()
    assert not [each for each in psutil.process_iter(["cmdline"]) if WAIT in (each.info["cmdline"] or ())]


def test_one_version_of_the_catalogue_is_asked_for() -> None:
    assert command_of("efficientnet_lite0", 2)[-2:] == ["cronnx_server.build_models", "efficientnet_lite0/2"]
