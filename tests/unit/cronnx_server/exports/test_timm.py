from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

PRETRAINED = {
    **{"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.9},
    **{"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "num_classes": 3},
}


def config(pretrained: dict[str, object] | None = None, **values: object) -> dict[str, object]:
    return {
        "config.json": {
            "architecture": "resnet18",
            "num_classes": 3,
            "pretrained_cfg": {**PRETRAINED, **(pretrained or {})},
            **values,
        }
    }


def test_the_centre_of_the_shorter_side_is_taken(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, config())
    assert facts == {
        **{"task": "classification", "activation": "softmax", "size": (224, 224), "resize": "shortest_edge"},
        **{"resize_size": (248, 248), "position": "centre", "rounding": "round", "fill": (0, 0, 0)},
        **{"resample": "bicubic", "antialias": True, "channel_order": "RGB", "scale": 1 / 255},
        **{"mean": (0.5,) * 3, "std": (0.25,) * 3},
    }


def test_older_files_have_no_level_of_their_own(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"config.json": {"architecture": "vit", **PRETRAINED}})
    assert (facts["mean"], facts["task"]) == ((0.5, 0.5, 0.5), "classification")


def test_other_crop_modes_stretch_or_add_borders(tmp_path: Path) -> None:
    squash = facts_of(tmp_path, config({"crop_mode": "squash", "crop_pct": 1.0}))
    assert (squash["resize"], squash["resize_size"]) == ("exact", (224, 224))
    border = facts_of(tmp_path, config({"crop_mode": "border"}))
    assert (border["resize"], border["fill"]) == ("letterbox", (128, 128, 128))


def test_a_graph_of_the_test_size_has_the_test_crop(tmp_path: Path) -> None:
    files = config({"test_input_size": [3, 288, 288], "test_crop_pct": 1.0})
    facts = facts_of(tmp_path, files, image=("batch", 3, 288, 288))
    assert (facts["size"], facts["resize_size"]) == ((288, 288), (288, 288))


def test_labels_are_described_or_those_of_imagenet(tmp_path: Path) -> None:
    described = config(label_names=["a", "b", "c"], label_descriptions={"a": "ant", "b": "bee"})
    assert facts_of(tmp_path, described)["labels"] == ["ant", "bee", "c"]
    tagged = config({"tag": "a1_in1k"}, num_classes=1000)
    assert facts_of(tmp_path, tagged)["labels"][967] == "espresso"  # type: ignore[index]
    assert "labels" not in facts_of(tmp_path, config({"tag": "a1_in1k"}))


def test_a_model_without_classes_gives_an_embedding(tmp_path: Path) -> None:
    assert facts_of(tmp_path, config(num_classes=0))["task"] == "embedding"


FAULTS = {
    "resample": (
        {"interpolation": "random"},
        r"interpolation: expected one of nearest, .*, got 'random'; .*--resample",
    ),
    "crop": ({"crop_mode": "five"}, r"pretrained_cfg\.crop_mode: expected one of center, .*; .* --resize"),
    "mean": ({"mean": ["a", 1, 2]}, r"config\.json: pretrained_cfg\.mean: expected 3 numbers, got \['a', 1, 2\]"),
    "std": ({"std": [0, 1, 1]}, r"pretrained_cfg\.std: expected numbers above 0"),
    "text": ({"crop_pct": "0.9"}, r"pretrained_cfg\.crop_pct: expected a number, got '0.9'"),
}


@pytest.mark.parametrize(("values", "reason"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_used_is_refused(tmp_path: Path, values: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        facts_of(tmp_path, config(values))
