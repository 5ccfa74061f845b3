from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

NORMALIZE = {
    **{"type": "NormalizeImage", "is_scale": True, "norm_type": "mean_std"},
    **{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


def detector(*steps: dict[str, object]) -> dict[str, object]:
    return {
        "infer_cfg.yml": {
            **{"arch": "YOLO", "draw_threshold": 0.5, "label_list": ["cat", "dog"]},
            "Preprocess": [*steps, {"type": "Permute"}],
        }
    }


def test_a_detector_is_stretched_by_opencv(tmp_path: Path) -> None:
    resize = {"type": "Resize", "target_size": [640, 480], "keep_ratio": False, "interp": 2}
    assert facts_of(tmp_path, detector(resize, NORMALIZE)) == {
        **{"task": "detection", "labels": ["cat", "dog"], "size": (640, 480), "resize": "exact"},
        **{"resize_size": (640, 480), "resample": "bicubic", "antialias": False, "channel_order": "RGB"},
        **{"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "confidence": 0.5},
    }


def test_a_detector_that_keeps_the_ratio_is_padded_to_a_stride(tmp_path: Path) -> None:
    resize = {"type": "Resize", "target_size": [800, 1333], "keep_ratio": True, "interp": 1}
    facts = facts_of(tmp_path, detector(resize, NORMALIZE, {"type": "PadStride", "stride": 32}))
    assert (facts["size"], facts["resize_size"], facts["longest_edge"]) == ((None, None), (800, 800), 1333)
    assert (facts["multiple"], facts["position"]) == (32, "top_left")


def test_values_that_are_not_normalised_stay(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, detector({**NORMALIZE, "norm_type": "none", "is_scale": False}))
    assert (facts["scale"], facts["mean"], facts["std"]) == (1.0, (0.0,) * 3, (1.0,) * 3)


def test_a_classifier_is_resized_and_cropped(tmp_path: Path) -> None:
    steps = [
        *({"DecodeImage": {"to_rgb": True}}, {"ResizeImage": {"resize_short": 256}}, {"CropImage": {"size": 224}}),
        *({"NormalizeImage": {**NORMALIZE, "scale": "1.0/255.0"}}, {"ToCHWImage": None}),
    ]
    post = {"Topk": {"topk": 5, "label_list": {0: "cat", 1: "dog"}}}
    facts = facts_of(tmp_path, {"inference.yml": {"PreProcess": {"transform_ops": steps}, "PostProcess": post}})
    assert (facts["task"], facts["labels"]) == ("classification", ["cat", "dog"])
    assert (facts["size"], facts["resize"], facts["resize_size"]) == ((224, 224), "shortest_edge", (256, 256))
    assert (facts["scale"], facts["rounding"]) == (1 / 255, "floor")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)
REFUSED = {
    "another step": (detector({"type": "WarpAffine"}), r"the step WarpAffine is not supported; .*--resize"),
    "a filter": (detector({"type": "Resize", "target_size": 9, "interp": 3}), r"interp: expected nearest, .*, got 3"),
    "no size": (detector({"type": "Resize"}), r"Preprocess\[0\]\.target_size: expected a height and a width"),
    "an object of Python": ({"infer_cfg.yml": "a: !!python/object/apply:os.getcwd []"}, r"expected YAML, got"),
    "a part that repeats": ({"infer_cfg.yml": f"{BOMB}Preprocess: *m\n"}, r"Preprocess\[0\]: expected an object"),
    "no YAML": ({"infer_cfg.yml": "a: [1"}, r"infer_cfg\.yml: expected YAML, got 'a: \[1'"),
    "deep YAML": ({"infer_cfg.yml": "[" * 2000}, r"infer_cfg\.yml: expected YAML"),
    "a list": ({"infer_cfg.yml": "- 1"}, r"infer_cfg\.yml: expected an object, got \[1\]"),
}


@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path: Path, files: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        facts_of(tmp_path, files)
