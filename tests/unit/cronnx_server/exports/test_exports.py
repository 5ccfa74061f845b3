"""The facts that are read of models as exporters wrote them; each has what its exporter's own code does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronnx_server.exports.image_processor import RESAMPLE
from tests.exported_models import ABSENT, EXPORTS
from tests.unit.cronnx_server.exports.exported import read_facts

SAYING_NOTHING = {"fp16_keep_io", "keras_rescaling", "torchvision_mobilenet_v3_small", "uint8_nhwc"}
MODELS = sorted(path.parent.name for path in EXPORTS.glob("*/expected.json"))

pytestmark = pytest.mark.skipif(not MODELS, reason=ABSENT)


def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXPORTS / name / "expected.json").read_text())
    return content


@pytest.mark.parametrize("name", [name for name in MODELS if name not in {*SAYING_NOTHING, "bgr_0_255_metadata"}])
def test_the_task_and_labels_are_the_exporters(name: str) -> None:
    facts, truth = read_facts(EXPORTS / name), expected(name)
    assert facts["task"] == truth["task"]
    assert facts.get("labels", []) == truth["labels"]


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("hf_")])
def test_the_image_processor_is_read_whole(name: str) -> None:
    facts, truth = read_facts(EXPORTS / name), expected(name)["preprocessing"]
    assert facts["scale"] == truth["rescale_factor"]
    assert facts["resample"] == RESAMPLE[truth["resample"]]
    if truth.get("do_normalize"):
        assert (facts["mean"], facts["std"]) == (tuple(truth["image_mean"]), tuple(truth["image_std"]))
    if truth.get("do_center_crop"):
        assert facts["size"] == (truth["crop_size"]["height"], truth["crop_size"]["width"])
    assert facts["channel_order"] == ("BGR" if truth.get("do_flip_channel_order") else "RGB")


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("yolo")])
def test_ultralytics_rules_are_known(name: str) -> None:
    facts, truth = read_facts(EXPORTS / name), expected(name)["preprocessing"]
    assert facts["resize"] == ("shortest_edge" if "centre_crop" in truth else "letterbox")
    assert facts.get("confidence") == truth.get("conf")
    assert facts.get("iou") == truth.get("iou")


def test_onnx_own_metadata_is_read() -> None:
    facts = read_facts(EXPORTS / "bgr_0_255_metadata")
    assert (facts["channel_order"], facts["scale"]) == ("BGR", 1.0)
    assert facts["labels"] == expected("bgr_0_255_metadata")["labels"]


@pytest.mark.parametrize("name", sorted(SAYING_NOTHING))
def test_nothing_is_made_up(name: str) -> None:
    assert read_facts(EXPORTS / name) == {}
