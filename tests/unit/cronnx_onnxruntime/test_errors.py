from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_onnxruntime.errors import in_one_line


def test_lines_become_one() -> None:
    assert in_one_line(RuntimeError("a node\n  failed\n")) == "a node failed"


def test_the_folders_onnx_runtime_was_built_in_are_left_out() -> None:
    text = "Status Message: /onnxruntime_src/core/providers/cpu/element_wise_ops.h:563 2 by 3"
    assert in_one_line(RuntimeError(text)) == "Status Message: element_wise_ops.h:563 2 by 3"


def test_the_folder_of_the_model_is_left_out() -> None:
    error = RuntimeError("Load model from /my models/m/1/model.onnx failed")
    assert in_one_line(error, folder=Path("/my models/m/1")) == "Load model from model.onnx failed"


@pytest.mark.parametrize("text", ["1/2 of a batch", "com.microsoft/Gelu", "a / b"])
def test_a_slash_outside_a_path_stays(text: str) -> None:
    assert in_one_line(RuntimeError(text)) == text
