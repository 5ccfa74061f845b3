from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.readers import read_all
from cronnx_server.exports.source import read_source
from tests.unit.cronnx_server.exports.exported import Dims, facts_of, write_files, write_model

LABELS = {"0": "cat", "1": "dog", "2": "cow"}


def classifier(**values: object) -> dict[str, object]:
    return {"config.json": {"architectures": ["ViTForImageClassification"], "model_type": "vit", **values}}


def model(architecture: str, model_type: str = "vit", **values: object) -> dict[str, object]:
    return {"config.json": {"architectures": [architecture], "model_type": model_type, **values}}


ACTIVATIONS = {
    "one class": (classifier(id2label=LABELS), "classification", "softmax"),
    "several": (classifier(problem_type="multi_label_classification"), "multi_label", "sigmoid"),
    "one label": (classifier(id2label={"0": "smoke"}), "multi_label", "sigmoid"),
    "said": (classifier(function_to_apply="none"), "classification", "none"),
}


@pytest.mark.parametrize(("files", "task", "activation"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_a_classifier_has_the_activation_of_the_pipeline(
    tmp_path: Path, files: dict[str, object], task: str, activation: str
) -> None:
    facts = facts_of(tmp_path, files)
    assert (facts["task"], facts["activation"]) == (task, activation)


def test_labels_are_in_the_order_of_their_numbers_and_never_those_that_nobody_set(tmp_path: Path) -> None:
    assert facts_of(tmp_path, classifier(id2label={"1": "dog", "0": "cat"}))["labels"] == ["cat", "dog"]
    assert "labels" not in facts_of(tmp_path, classifier(id2label={"0": "LABEL_0", "1": "LABEL_1"}))


def test_an_option_comes_before_damaged_labels_and_a_missing_problem_type(tmp_path: Path) -> None:
    facts = Facts()
    facts.add("labels", ("cat", "dog"), "--labels")
    facts.add("task", "classification", "--task")
    write_model(tmp_path)
    write_files(tmp_path, classifier(id2label={"0": "cat", "7": "dog"}))
    read_all(read_source(tmp_path), facts)
    assert facts["labels"] == ("cat", "dog")
    assert "activation" not in facts


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [("detr", "detr"), ("yolos", "detr"), ("rt_detr_v2", "detr_sigmoid"), ("d_fine", "detr_sigmoid"), ("new", None)],
)
def test_the_type_of_a_detector_says_its_format(tmp_path: Path, model_type: str, expected: str | None) -> None:
    facts = facts_of(tmp_path, model("DetrForObjectDetection", model_type))
    assert (facts["task"], facts.get("output_format")) == ("detection", expected)


TASKS = {
    "SegformerForSemanticSegmentation": "semantic_segmentation",
    "DPTForDepthEstimation": "depth",
    "CLIPVisionModelWithProjection": "embedding",
    "Dinov2Model": "embedding",
    "LevitForImageClassificationWithTeacher": "classification",
}


@pytest.mark.parametrize(("architecture", "task"), TASKS.items())
def test_the_architecture_says_the_task(tmp_path: Path, architecture: str, task: str) -> None:
    assert facts_of(tmp_path, model(architecture))["task"] == task


HIDDEN: Dims = ("batch", 257, 48)
ENCODERS = {
    "a pooler that is trained": ("dinov2", {"last_hidden_state": HIDDEN, "pooler_output": (1, 48)}, "pooler_output"),
    "one that is often not": ("vit", {"last_hidden_state": HIDDEN, "pooler_output": (1, 48)}, "last_hidden_state"),
    "a projection": ("clip_vision_model", {"image_embeds": (1, 32), "last_hidden_state": HIDDEN}, "image_embeds"),
}


@pytest.mark.parametrize(("model_type", "outputs", "expected"), ENCODERS.values(), ids=ENCODERS)
def test_an_encoders_embedding_is_its_trained_output(
    tmp_path: Path, model_type: str, outputs: dict[str, Dims], expected: str
) -> None:
    facts = facts_of(tmp_path, model("AnyModel", model_type), outputs=outputs)
    assert facts["outputs"] == (expected,)
    assert facts["output_format"] == ("cls_token" if expected == "last_hidden_state" else "vector")


def test_the_exporters_own_file_says_the_architecture_too(tmp_path: Path) -> None:
    export = {"components": {"model": {"metadata": {"architecture": "SegformerForSemanticSegmentation"}}}}
    assert facts_of(tmp_path, {"export.json": export})["task"] == "semantic_segmentation"


REFUSED = {
    "queries of masks": (model("Mask2FormerForUniversalSegmentation"), r"masks of queries are not supported"),
    "points": (model("SamModel"), r"config\.json: architectures: SamModel is not supported: it needs points"),
    "poses in boxes": (model("VitPoseForPoseEstimation"), r"it needs the boxes of persons; .* --task"),
    "a regression": (classifier(problem_type="regression"), r"problem_type: a regression is not supported"),
    "a gap": (classifier(id2label={"0": "a", "2": "b"}), r"id2label: expected labels for 0 to 1, got none for 1"),
    "a list of labels": (classifier(id2label=["a"]), r"config\.json: id2label: expected an object, got \['a'\]"),
    "a number": (classifier(model_type=3), r"config\.json: model_type: expected text, got 3"),
    "no list": ({"config.json": {"architectures": "ViT"}}, r"architectures: expected a list of names, got 'ViT'"),
    "no object": ({"config.json": [1]}, r"config\.json: expected an object, got \[1\]"),
    "no JSON": ({"config.json": "{"}, r"config\.json: expected JSON, got '\{'"),
    "deep JSON": ({"config.json": "[" * 100_000}, r"config\.json: expected JSON"),
}


@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_with_the_reason(
    tmp_path: Path, files: dict[str, object], reason: str
) -> None:
    with pytest.raises(ModelFileError, match=reason):
        facts_of(tmp_path, files)
