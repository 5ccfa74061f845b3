from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

NAMES = {0: "cat", 1: "dog"}


def metadata(**values: object) -> dict[str, str]:
    common = {"stride": 32, "task": "detect", "imgsz": [640, 480], "names": NAMES, "args": {"nms": None}}
    return {key: str(value) for key, value in {**common, **values}.items() if value is not None}


def read(
    folder: Path, output: Any = (1, 6, 6300), image: Any = (1, 3, 640, 480), **values: object
) -> dict[str, object]:
    return facts_of(folder, metadata=metadata(**values), image=image, outputs={"output0": output})


def test_a_detector_is_letterboxed_by_opencv(tmp_path: Path) -> None:
    facts = read(tmp_path, end2end=False)
    assert facts == {
        **{"task": "detection", "output_format": "ultralytics", "labels": ["cat", "dog"], "size": (640, 480)},
        **{"resize": "letterbox", "resize_size": (640, 480), "position": "centre", "rounding": "round"},
        **{"fill": (114, 114, 114), "resample": "bilinear", "antialias": False, "channel_order": "RGB"},
        **{"scale": 1 / 255, "mean": (0.0,) * 3, "std": (1.0,) * 3},
        **{"confidence": 0.25, "iou": 0.7, "max_detections": 300},
    }


def test_images_of_a_free_size_are_padded_to_the_stride_only(tmp_path: Path) -> None:
    facts = read(tmp_path, image=("batch", 3, "height", "width"), args={"dynamic": True})
    assert (facts["size"], facts["resize_size"], facts["multiple"]) == ((None, None), (640, 480), 32)


@pytest.mark.parametrize(("size", "resize"), [([224, 224], "shortest_edge"), ([224, 320], "exact")])
def test_a_classifier_crops_and_its_head_has_a_softmax(tmp_path: Path, size: list[int], resize: str) -> None:
    facts = read(tmp_path, task="classify", imgsz=size, output=(1, 2), image=(1, 3, *size))
    assert (facts["size"], facts["resize"], facts["resize_size"]) == (tuple(size), resize, tuple(size))
    assert (facts["antialias"], facts["rounding"], facts["activation"]) == (True, "round", "none")
    assert "confidence" not in facts


FORMATS = {
    "suppression in the graph": ((1, 300, 6), {"args": {"nms": True}}, "ultralytics_end2end"),
    "no suppression needed": ((1, 300, 6), {"end2end": True}, "ultralytics_end2end"),
    "raw": ((1, 6, 6300), {"end2end": False}, "ultralytics"),
    "RT-DETR": ((1, 300, 6), {"head": "RTDETRDecoder"}, "ultralytics_rtdetr_topk"),
    "RT-DETR of older versions": (
        (1, 300, 7),
        {"names": {0: "a", 1: "b", 2: "c"}, "end2end": None},
        "ultralytics_rtdetr",
    ),
}


@pytest.mark.parametrize(("output", "values", "expected"), FORMATS.values(), ids=FORMATS)
def test_metadata_says_the_format(tmp_path: Path, output: Any, values: dict[str, object], expected: str) -> None:
    facts = read(tmp_path, output=output, **values)
    assert facts["output_format"] == expected
    assert facts["resize"] == ("exact" if "rtdetr" in expected else "letterbox")


def test_depth_is_stretched_and_a_pose_has_its_points(tmp_path: Path) -> None:
    assert read(tmp_path, task="depth")["resize"] == "exact"
    assert read(tmp_path, task="pose", kpt_shape=[17, 3])["keypoint_shape"] == (17, 3)


def test_labels_that_are_numbers_are_in_the_order_of_their_keys(tmp_path: Path) -> None:
    assert read(tmp_path, names={1: "0", 0: "1"})["labels"] == ["1", "0"]


def test_yolov5_is_known_by_its_stride_and_names(tmp_path: Path) -> None:
    facts = read(tmp_path, output=(1, 25200, 7), task=None, imgsz=None, args=None)
    assert (facts["task"], facts["output_format"], facts["resize"]) == ("detection", "yolov5", "letterbox")


FAULTS = {
    "a new task": ({"task": "track"}, r"metadata: task: expected one of detect, .*, got 'track'; .* --task"),
    "grey images": ({"channels": 1}, r"metadata: channels: expected 3 channels, got 1"),
    "no size": ({"imgsz": "[640"}, r"metadata: imgsz: expected 2 numbers, got '\[640'"),
    "a negative size": ({"imgsz": [-1, 2]}, r"metadata: imgsz: expected a height and a width"),
    "a gap": ({"names": {0: "a", 2: "b"}}, r"metadata: names: expected labels for 0 to 1, got none for 1"),
    "cut short": ({"names": "{0: 'a'"}, r"metadata: names: expected"),
    "deep": ({"imgsz": "[" * 5000}, r"metadata: imgsz: expected"),
    "args": ({"args": "[1]"}, r"metadata: args: expected an object"),
}


@pytest.mark.parametrize(("values", "reason"), FAULTS.values(), ids=FAULTS)
def test_damaged_metadata_is_refused(tmp_path: Path, values: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        read(tmp_path, **values)
