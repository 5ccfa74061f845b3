"""Configurations that are complete start without Triton's completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.errors import StartError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve.serving import are_complete, check_gpu

COMPLETE = """
backend: "onnxruntime"
input [ { name: "image" data_type: TYPE_UINT8 dims: [ 1 ] } ]
output [ { name: "logits" data_type: TYPE_FP32 dims: [ 1 ] } ]
"""


@pytest.mark.parametrize("profile", ["", "cuda", "tensorrt"])
def test_the_projects_own_models_are_complete(profile: str) -> None:
    assert are_complete([MODEL_REPOSITORY, ENSEMBLES], profile=profile)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (COMPLETE, True),
        (COMPLETE.replace("backend:", "platform:"), True),
        *((COMPLETE.replace(line, ""), False) for line in COMPLETE.splitlines() if line),
        ("no: configuration", False),
        (None, False),
    ],
    ids=["complete", "platform", "no backend", "no input", "no output", "broken", "missing"],
)
def test_a_model_without_backend_inputs_or_outputs_needs_completion(
    tmp_path: Path, config: str | None, expected: bool
) -> None:
    (tmp_path / "net").mkdir()
    if config is not None:
        (tmp_path / "net" / "config.pbtxt").write_text(config)
    assert are_complete([tmp_path]) is expected


@pytest.mark.parametrize("profile", ["cuda", "tensorrt"])
def test_a_profile_for_gpus_is_refused_where_there_is_none(profile: str) -> None:
    with pytest.raises(StartError, match=f"the profile {profile} is for GPUs, and this machine has none; omit"):
        check_gpu([MODEL_REPOSITORY, ENSEMBLES], profile=profile, gpus=0)
    check_gpu([MODEL_REPOSITORY, ENSEMBLES], profile=profile, gpus=1)


def test_other_profiles_need_no_gpu(tmp_path: Path) -> None:
    (tmp_path / "net" / "configs").mkdir(parents=True)
    (tmp_path / "net" / "configs" / "fast.pbtxt").write_text(COMPLETE)
    check_gpu([tmp_path], profile="fast", gpus=0)
    check_gpu([tmp_path], profile="", gpus=0)


def test_a_start_does_not_load_what_only_builds_need() -> None:
    program = "import sys, cronnx_server.serve.serving; print({'onnx', 'onnxruntime', 'PIL'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
