"""Nothing is wrong in silence: what is not known is assumed with a warning, or refused with the option that tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import NAMES, OPTIONS, Facts
from cronnx_server.exports.specification import Inspection, inspect
from cronnx_server.model_spec import ModelSpec
from tests.unit.cronnx_server.exports.signatures import IMAGE, planted, raw_yolo

LABELS = ("cat", "dog", "bird")
LOGITS = np.array([[2.0, -1.0, 0.5]], np.float32)
KNOWN_INPUT = {
    "scale": 1 / 255,
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "channel_order": "RGB",
    "resize": "exact",
    "resample": "bilinear",
    "antialias": True,
}


def inspected(values: Any, *, facts: dict[str, Any] | None = None, **options: Any) -> Inspection:
    known = Facts()
    for name, value in ({"labels": LABELS} | (facts or {})).items():
        known.add(name, value, f"--{name}")
    return inspect(planted({"y": values}, **options), known)


def warned(inspection: Inspection, text: str) -> bool:
    return any(text in warning for warning in inspection.warnings)


def test_every_fact_has_an_option() -> None:
    assert OPTIONS.keys() == NAMES.keys()


def test_a_specification_survives_json() -> None:
    spec = inspected(LOGITS).spec
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_nothing_is_assumed_of_a_model_whose_files_say_everything() -> None:
    facts = {**KNOWN_INPUT, "task": "classification", "activation": "softmax"}
    inspection = inspected(np.eye(3, dtype=np.float32)[:1], facts=facts)
    assert not any("nothing says" in warning for warning in inspection.warnings)
    assert (inspection.spec.input.mean, inspection.spec.recipe.resize) == ((0.5, 0.5, 0.5), "exact")


def test_a_logarithm_of_softmax_proves_one_class_for_each_photograph() -> None:
    inspection = inspected(LOGITS, last="LogSoftmax")
    assert inspection.spec.activation == "softmax"
    assert not warned(inspection, "--task")


def test_an_image_without_a_fixed_dimension_needs_a_layout() -> None:
    names = ("a", "b", "c", "d")
    with pytest.raises(ModelFileError, match="--layout"):
        inspected(LOGITS, image=names)
    assert inspected(LOGITS, image=names, facts={"layout": "NCHW"}).spec.input.layout == "NCHW"


def test_the_output_with_a_value_for_each_label_is_the_answer() -> None:
    model = planted({"features": np.arange(8, dtype=np.float32)[None], "y": LOGITS})
    known = Facts()
    known.add("labels", LABELS, "--labels")
    assert inspect(model, known).spec.outputs == ("y",)


def test_scores_of_pixels_that_only_labels_speak_for_are_a_guess() -> None:
    maps = np.zeros((1, 3, 64, 64), np.float32)
    assert warned(inspected(maps), "nothing says the task: assumed task semantic_segmentation")
    assert not warned(inspected(maps, facts={"task": "semantic_segmentation"}), "nothing says the task")


def test_an_unknown_input_is_assumed_loudly() -> None:
    inspection = inspected(LOGITS)
    assert warned(inspection, "--bgr, --scale, --mean, --std")
    assert warned(inspection, "--resize, --crop, --resample")
    assert warned(inspection, "of 3 photographs, the first class changes for 0 with --mean 0.5 --std 0.5")
    assert inspection.spec.recipe.resize_size == (73, 73)


def test_logits_with_labels_are_assumed_exclusive_loudly() -> None:
    inspection = inspected(LOGITS)
    assert inspection.spec.activation == "softmax"
    assert warned(inspection, "nothing says whether a photograph has one class")


def test_a_softmax_at_the_end_is_not_repeated() -> None:
    assert inspected(LOGITS, last="Softmax").spec.activation == "none"
    facts = {"task": "classification"}
    known = Facts()
    known.add("activation", "softmax", "config.json: problem_type")
    known.add("labels", LABELS, "config.json: id2label")
    for name, value in facts.items():
        known.add(name, value, "config.json: architectures")
    assert inspect(planted({"y": LOGITS}, last="Softmax"), known).spec.activation == "none"


def test_sigmoids_are_independent_labels() -> None:
    spec = inspected(LOGITS, last="Sigmoid").spec
    assert (spec.task.value, spec.activation) == ("multi_label", "none")


def test_logits_of_a_multi_label_task_get_a_sigmoid() -> None:
    spec = inspected(LOGITS, facts={"task": "multi_label"}).spec
    assert spec.activation == "sigmoid"


def test_an_option_that_asks_for_sigmoids_makes_labels_independent() -> None:
    spec = inspected(LOGITS, facts={"activation": "sigmoid"}).spec
    assert (spec.task.value, spec.activation) == ("multi_label", "sigmoid")


def test_a_regression_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"regression.*--raw.*--task multi_label"):
        inspected(np.array([[7.3]], np.float32))


def test_one_score_without_its_label_is_refused() -> None:
    with pytest.raises(ModelFileError, match="--task multi_label and --labels"):
        inspected(np.array([[0.3]], np.float32), last="Sigmoid", facts={"labels": ("cat", "dog")})
    assert inspected(np.array([[0.3]], np.float32), last="Sigmoid", facts={"labels": ("dog",)}).classes == 1


def test_a_feature_vector_is_not_taken_for_classes() -> None:
    features = np.linspace(-1, 1, 512, dtype=np.float32)[None]
    with pytest.raises(ModelFileError, match="--labels, for a feature vector --task embedding"):
        inspected(features, facts={"labels": None})
    with pytest.raises(ModelFileError, match=r"expected 512 labels.*got 3"):
        inspected(features)
    assert inspected(features, facts={"labels": None, "task": "embedding"}).spec.labels == ()


def test_a_vector_of_length_one_is_an_embedding() -> None:
    assert inspected(LOGITS, last="LpNormalization", facts={"labels": None}).spec.task.value == "embedding"


def test_a_thousand_classes_are_not_taken_for_imagenet() -> None:
    scores = np.linspace(-1, 1, 1000, dtype=np.float32)[None]
    with pytest.raises(ModelFileError, match="imagenet"):
        inspected(scores, facts={"labels": None})
    with pytest.raises(ModelFileError, match="--labels imagenet"):
        inspected(scores, facts={"labels": None, "task": "classification"})
    assert inspected(scores, facts={"labels": "imagenet"}).spec.labels[0].startswith("tench")


def test_labels_can_be_waived() -> None:
    assert inspected(LOGITS, facts={"labels": "numbers"}).spec.labels == ("class 0", "class 1", "class 2")


def test_1001_classes_have_a_background_first() -> None:
    scores = np.linspace(-1, 1, 1001, dtype=np.float32)[None]
    assert inspected(scores, facts={"labels": "imagenet"}).spec.labels[0] == "background"


@pytest.mark.parametrize(
    ("labels", "hint"), [(("cat", "dog"), "background, add it"), (("background", *LABELS), "is the background, remove")]
)
def test_labels_off_by_one_are_refused(labels: tuple[str, ...], hint: str) -> None:
    with pytest.raises(ModelFileError, match=hint):
        inspected(LOGITS, facts={"labels": labels})


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ModelFileError, match="got regression; pass --task"):
        inspected(LOGITS, facts={"task": "regression"})


def test_a_task_that_the_outputs_do_not_fit_is_refused() -> None:
    with pytest.raises(ModelFileError, match="for task depth"):
        inspected(LOGITS, facts={"task": "depth"})


def test_a_size_that_the_graph_does_not_take_is_refused() -> None:
    with pytest.raises(ModelFileError, match="expected images of 64x64 as in the graph, got 32x32"):
        inspected(LOGITS, facts={"size": (32, 32)})


def test_a_size_that_nothing_says_is_assumed_loudly() -> None:
    inspection = inspected(LOGITS, image=("batch", 3, "height", "width"))
    assert inspection.spec.recipe.height == 224
    assert warned(inspection, "--size")


def test_a_fixed_graph_wins_over_a_size_that_follows_the_photograph() -> None:
    spec = inspected(LOGITS, facts={"size": (None, None), "resize": "shortest_edge"}).spec
    assert (spec.recipe.height, spec.recipe.resize) == (64, "exact")


def test_bytes_take_no_normalisation() -> None:
    spec = inspected(LOGITS, image_type=TensorProto.UINT8, facts={"mean": (0.5, 0.5, 0.5)}).spec
    assert (spec.input.datatype, spec.input.scale, spec.input.mean) == ("UINT8", 1, (0, 0, 0))


def test_a_normalisation_in_the_graph_and_in_a_file_is_a_warning() -> None:
    facts = Facts()
    facts.add("labels", LABELS, "labels.txt")
    facts.add("mean", (0.5, 0.5, 0.5), "preprocessor_config.json: image_mean")
    inspection = inspect(planted({"y": LOGITS}, before=[("Div", 255.0)]), facts)
    assert warned(inspection, "once too often, pass --scale 1 --mean 0 --std 1")


def test_the_same_answer_for_every_photograph_is_a_warning() -> None:
    assert warned(inspected(LOGITS, varies=False), "'y' is the same for every photograph")


def test_saturated_scores_are_a_warning() -> None:
    inspection = inspected(LOGITS * 100)
    assert warned(inspection, "above 0.9999; that may be right")


def test_scores_outside_their_activation_are_a_warning() -> None:
    inspection = inspected(LOGITS, facts={"activation": "none", "task": "classification"})
    assert warned(inspection, "pass --activation softmax or sigmoid")


def test_answers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ModelFileError, match="finite numbers"):
        inspected(np.array([[np.nan, 0, 0]], np.float32))


def test_scores_everywhere_are_a_warning() -> None:
    images = (1, 3, 256, 256)
    cells = 32 * 32 + 16 * 16 + 8 * 8
    output = np.full((1, 7, cells), 0.9, np.float32)
    assert warned(inspected(output, image=images), "most boxes of every photograph")


def test_suppression_in_the_graph_is_to_be_cut() -> None:
    assert not inspected(raw_yolo(0.9, 0.1, 0.1)).cut_suppression


def test_the_batch_of_the_export_may_be_fixed() -> None:
    assert inspected(np.tile(LOGITS, (4, 1)), image=(4, *IMAGE[1:])).classes == 3


@pytest.mark.parametrize(
    ("facts", "scale"),
    [
        ({"mean": (0.5,) * 3}, 1 / 255),
        ({"mean": (123.7, 116.3, 103.5)}, 1.0),
        ({"std": (58.4, 57.1, 57.4)}, 1.0),
        ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, 1 / 255),
    ],
)
def test_a_stated_mean_or_std_tells_the_unit_of_the_scale(facts: dict[str, Any], scale: float) -> None:
    assert inspected(LOGITS, facts=facts).spec.input.scale == pytest.approx(scale)


def test_a_stated_scale_has_no_mean_of_another_unit() -> None:
    network_input = inspected(LOGITS, facts={"scale": 1.0}).spec.input
    assert (network_input.mean, network_input.std) == ((0.0,) * 3, (1.0,) * 3)


def test_an_assumed_order_of_channels_is_changed_by_the_opposite_option() -> None:
    assert warned(inspected(LOGITS), "pass --bgr")
    known = Facts()
    known.assume("channel_order", "BGR")
    known.add("labels", LABELS, "--labels")
    assert warned(inspect(planted({"y": LOGITS}), known), "pass --no-bgr")


def test_a_refusal_names_the_option_of_a_fact() -> None:
    with pytest.raises(ModelFileError, match=r"pass --bgr$"):
        Facts().refuse("channel_order", "expected Rgb8 or Bgr8, got Gray8", "metadata")
