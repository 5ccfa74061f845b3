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
    assert "Exit status: 0 all were built" in helped.stdout


def test_an_unknown_model_is_a_usage_error_that_names_the_known_ones() -> None:
    refused = build_models("lite9")
    assert refused.returncode == 2
    assert "no model 'lite9' in the catalogue; it has efficientnet_lite0, " in refused.stderr
    assert refused.stdout == ""


def test_a_model_that_is_built_is_named_by_its_file() -> None:
    built = build_models("efficientnet_lite0")
    assert built.returncode == 0
    assert built.stdout.splitlines()[0] == "model_repository/efficientnet_lite0_onnx/1/model.onnx"
