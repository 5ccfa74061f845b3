"""Configurations that are complete start without Triton's completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve.serving import are_complete

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
