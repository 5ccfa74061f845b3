from __future__ import annotations

import subprocess
import sys

from cronnx_server.paths import ROOT


def build_models(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "build_models"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_help_says_what_the_exit_status_means() -> None:
    helped = build_models("--help")
    assert helped.returncode == 0
    assert "Exit status: 0 all models are built" in helped.stdout


def test_an_unknown_model_is_a_usage_error_that_names_the_known_ones() -> None:
    refused = build_models("lite9")
    assert refused.returncode == 2
    assert "expected a model of the catalogue (efficientnet_lite0, " in refused.stderr
    assert "got 'lite9'" in refused.stderr
    assert refused.stdout == ""


def test_the_files_of_a_built_model_are_printed(command: subprocess.CompletedProcess[str]) -> None:
    assert command.returncode == 0, command.stderr
    files = [f"model_repository/efficientnet_lite0_onnx/{version}/model.onnx" for version in (1, 2)]
    assert command.stdout.splitlines() == files
