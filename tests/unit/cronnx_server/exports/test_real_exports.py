"""Files of real exporters, without what their metadata and side files say."""

from __future__ import annotations

import json
from typing import Any

import onnx
import pytest

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.specification import Inspection, inspect
from tests.exported_models import ABSENT, EXPORTS

pytestmark = pytest.mark.skipif(not EXPORTS.is_dir(), reason=ABSENT)


def expected(name: str) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads((EXPORTS / name / "expected.json").read_text(encoding="utf-8"))
    return answers


def bare(name: str, **facts: Any) -> Inspection:
    """The inspection of an export whose metadata is removed and whose side files are not read."""
    model = onnx.load(EXPORTS / name / "model.onnx")
    del model.metadata_props[:]
    known = Facts()
    for fact, value in facts.items():
        known.add(fact, value, f"--{fact}")
    return inspect(model, known)


@pytest.mark.parametrize(
    ("name", "output_format"),
    [
        ("yolo11n", "ultralytics"),
        ("yolo11n_seg", "ultralytics"),
        ("yolo11n_pose", "ultralytics"),
        ("yolo11n_nms", "ultralytics_end2end"),
        ("hf_segformer", "class_logits"),
        ("keras_rescaling", "scores"),
        ("bgr_0_255_metadata", "scores"),
        ("uint8_nhwc", "scores"),
    ],
)
def test_a_bare_file_is_read_as_its_exporter_meant_it_or_warned_of(name: str, output_format: str) -> None:
    answers = expected(name)
    inspection = bare(name, labels=tuple(answers["labels"]))
    assert (inspection.spec.task.value, inspection.spec.output_format) == (answers["task"], output_format)
    assert any("--bgr" in warning for warning in inspection.warnings)


@pytest.mark.parametrize(
    "name", ["fp16_keep_io", "hf_vit", "keras_rescaling", "yolo11n", "torchvision_mobilenet_v3_small"]
)
def test_a_bare_file_without_labels_is_refused(name: str) -> None:
    with pytest.raises(ModelFileError, match="--labels"):
        bare(name)


def test_an_end_to_end_export_is_to_be_cut_before_its_suppression() -> None:
    answers = expected("yolo11n_nms")
    assert bare("yolo11n_nms", labels=tuple(answers["labels"])).cut_suppression
