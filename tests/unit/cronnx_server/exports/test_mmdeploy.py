from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

NORMALIZE = {"type": "Normalize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True}
LOAD = {"type": "LoadImageFromFile"}


def pipeline(*transforms: dict[str, object], module: str = "mmdet", **values: object) -> dict[str, object]:
    tasks = [
        {"name": "Preprocess", "module": "Transform", "transforms": [LOAD, *transforms]},
        {"name": "net", "module": "Net"},
        {"name": "postprocess", "module": module, **values},
    ]
    return {"pipeline.json": {"pipeline": {"tasks": tasks}}}


def test_a_classifier_is_resized_by_opencv_and_cropped(tmp_path: Path) -> None:
    steps = [{"type": "Resize", "size": [256, -1]}, {"type": "CenterCrop", "crop_size": 224}, NORMALIZE]
    facts = facts_of(tmp_path, pipeline(*steps, module="MMClsPostprocess"))
    assert facts == {
        **{"task": "classification", "size": (224, 224), "resize": "shortest_edge", "resize_size": (256, 256)},
        **{"position": "centre", "rounding": "round", "resample": "bilinear", "antialias": False},
        **{"channel_order": "RGB", "scale": 1.0, "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    }


def test_a_detector_follows_the_photograph(tmp_path: Path) -> None:
    resize = {"type": "Resize", "size": [800, 1333], "keep_ratio": True}
    steps = [resize, NORMALIZE, {"type": "Pad", "size_divisor": 32}]
    facts = facts_of(tmp_path, pipeline(*steps, params={"score_thr": 0.3}))
    assert (facts["task"], facts["confidence"], facts["size"]) == ("detection", 0.3, (None, None))
    assert (facts["resize_size"], facts["longest_edge"], facts["multiple"]) == ((800, 800), 1333, 32)
    assert (facts["position"], facts["fill"]) == ("top_left", (124, 116, 104))


def test_yolox_is_bgr_of_0_to_255_in_a_letterbox(tmp_path: Path) -> None:
    resize = {"type": "Resize", "scale": [640, 640], "keep_ratio": True}
    pad = {"type": "Pad", "pad_to_square": True, "pad_val": {"img": [114.0, 114.0, 114.0]}}
    facts = facts_of(tmp_path, pipeline(resize, pad))
    assert (facts["resize"], facts["size"], facts["fill"]) == ("letterbox", (640, 640), (114, 114, 114))
    assert (facts["channel_order"], facts["scale"], facts["mean"]) == ("BGR", 1.0, (0.0, 0.0, 0.0))


def test_means_of_bgr_stay_in_their_order(tmp_path: Path) -> None:
    normalize = {"type": "Normalize", "mean": [1, 2, 3], "std": [4, 5, 6], "to_rgb": False}
    facts = facts_of(tmp_path, pipeline({"type": "Resize", "size": [224, 320], "keep_ratio": False}, normalize))
    assert (facts["channel_order"], facts["mean"], facts["std"]) == ("BGR", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert (facts["resize"], facts["size"]) == ("exact", (224, 320))


REFUSED = {
    "another transform": (pipeline({"type": "TopDownAffine"}), r"expected one of CenterCrop, .*--resize"),
    "another codebase": (pipeline(module="mmocr"), r"module: expected one of mmcls, .*, got mmocr; .*--task"),
    "no size": (pipeline({"type": "Resize"}), r"expected two numbers, got None"),
    "a filter": (pipeline({"type": "Resize", "size": 9, "interpolation": "area"}), r"interpolation: expected one of"),
    "text": (pipeline({**NORMALIZE, "mean": "1"}), r"mean: expected 3 numbers, got '1'"),
    "no list": ({"pipeline.json": {"pipeline": {"tasks": 3}}}, r"pipeline\.tasks: expected a list, got 3"),
}


@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path: Path, files: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        facts_of(tmp_path, files)
