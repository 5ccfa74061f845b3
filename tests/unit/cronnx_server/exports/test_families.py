from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.specification import Inspection, inspect
from cronnx_server.graphs.extra_inputs import Fill
from tests.unit.cronnx_server.exports.signatures import CELLS, planted, raw_yolo, yolo_rows

SIZES = {"orig_target_sizes": (TensorProto.INT64, [1, 2])}
LABELS = ("cat", "dog", "bird")
random = np.random.default_rng(1)


def inspected(outputs: dict[str, Any], *, facts: dict[str, Any] | None = None, **options: Any) -> Inspection:
    known = Facts()
    for name, value in ({"labels": LABELS} | (facts or {})).items():
        known.add(name, value, f"--{name}")
    return inspect(planted(outputs, **options), known)


def boxes(count: int, *, scale: float = 1.0) -> Any:
    return np.tile(np.array([0.1, 0.2, 0.6, 0.8], np.float32) * scale, (1, count, 1))


def detr_logits(columns: int, *, queries: int = 20) -> Any:
    logits = np.full((1, queries, columns), -4.0, np.float32)
    logits[0, 0, 1] = 3
    return logits


def best(count: int, *, columns: int = 0) -> Any:
    shape = (1, count, columns) if columns else (1, count)
    scores = np.full(shape, 0.01, np.float32)
    scores.reshape(-1)[1] = 0.9
    return scores


DETECTORS = {
    "ultralytics": {"output0": raw_yolo(0.1, 0.9, 0.2)},
    "ultralytics_end2end": {"output0": yolo_rows(2.0, 3.0, 40.0, 50.0, 0.9, 2.0, count=300)},
    "ultralytics_rtdetr_topk": {"output0": yolo_rows(0.5, 0.5, 0.2, 0.3, 0.9, 2.0, count=300)},
    "ultralytics_rtdetr": {"output0": yolo_rows(0.5, 0.5, 0.2, 0.3, 0.1, 0.9, 0.3, count=300)},
    "yolov5": {"output": yolo_rows(50.0, 50.0, 20.0, 30.0, 0.9, 0.1, 0.9, 0.2, count=3 * CELLS)},
    "yolox": {"output": yolo_rows(0.5, 0.5, -1.0, 1.5, 0.9, 0.1, 0.9, 0.2, count=CELLS)},
    "columns_xyxy_score_class": {"output": yolo_rows(2.0, 3.0, 40.0, 50.0, 0.9, 2.0, count=CELLS)},
    "boxes_scores": {"boxes": boxes(CELLS, scale=64), "scores": best(CELLS, columns=3)},
    "counted": {
        "num_dets": np.array([[1]], np.int32),
        "det_boxes": boxes(100, scale=64),
        "det_scores": best(100),
        "det_classes": np.zeros((1, 100), np.int32),
    },
    "counted_tf": {
        "num_detections": np.array([1.0], np.float32),
        "detection_boxes": boxes(100),
        "detection_scores": best(100),
        "detection_classes": np.ones((1, 100), np.float32),
    },
    "rows_batch_xyxy_class_score": {"output": np.array([[0, 2, 3, 40, 50, 1, 0.9]] * 2, np.float32)},
    "rows_batch_xyxy_score_class": {"output": np.array([[0, 2, 3, 40, 50, 0.9, 2]] * 2, np.float32)},
    "rows_class_score_xyxy": {
        "boxes": np.array([[2, 0.9, 2, 3, 40, 50]] * 3, np.float32),
        "count": np.array([3], np.int32),
    },
    "ssd_rows": {"detection_out": np.array([[[[0, 1, 0.9, 0.1, 0.2, 0.5, 0.6]] * 4]], np.float32)},
    "detr": {"logits": detr_logits(4), "pred_boxes": boxes(20)},
    "detr_sigmoid": {"logits": detr_logits(3), "pred_boxes": boxes(20)},
    "boxes_labels_scores": {
        "5121": boxes(7, scale=64)[0],
        "5122": np.full(7, 1, np.int64),
        "5123": best(7)[0],
    },
    "boxes_labels_scores_fraction": {
        "bboxes": boxes(7),
        "labels": np.full((1, 7), 1, np.int64),
        "scores": best(7),
    },
    "dets_labels": {
        "dets": yolo_rows(2.0, 3.0, 40.0, 50.0, 0.9, count=100),
        "labels": np.zeros((1, 100), np.int64),
    },
}


@pytest.mark.parametrize("output_format", DETECTORS)
def test_a_detector_is_told_by_its_outputs(output_format: str) -> None:
    inspection = inspected(DETECTORS[output_format])
    assert inspection.spec.task.value == "detection"
    assert inspection.spec.output_format == output_format


@pytest.mark.parametrize("output_format", DETECTORS)
def test_every_detector_without_side_files_warns_of_its_assumed_input(output_format: str) -> None:
    warnings = "\n".join(inspected(DETECTORS[output_format]).warnings)
    assert "nothing says the values of the input" in warnings
    assert ("--no-bgr" if output_format == "yolox" else "--bgr") in warnings
    assert "--mean" in warnings


@pytest.mark.parametrize("output_format", DETECTORS)
def test_a_detector_without_labels_is_refused(output_format: str) -> None:
    with pytest.raises(ModelFileError, match="--labels"):
        inspected(DETECTORS[output_format], facts={"labels": None})


def test_yolox_takes_bgr_bytes_in_the_top_left() -> None:
    spec = inspected(DETECTORS["yolox"]).spec
    assert (spec.input.channel_order, spec.input.scale, spec.recipe.position) == ("BGR", 1, "top_left")


def test_torchvision_counts_labels_from_one() -> None:
    assert inspected(DETECTORS["boxes_labels_scores"]).spec.first_class == 1


def test_rtdetr_of_a_repository_gets_its_own_size_and_counts_from_zero() -> None:
    outputs = {"labels": np.full((1, 7), 2, np.int64), "boxes": boxes(7, scale=64), "scores": best(7)}
    inspection = inspected(outputs, inputs=SIZES)
    assert inspection.fills == {"orig_target_sizes": Fill.WIDTH_HEIGHT}
    assert inspection.spec.outputs == ("boxes", "labels", "scores")
    assert inspection.spec.first_class == 0


def test_rfdetr_has_sigmoids() -> None:
    inspection = inspected({"dets": boxes(20), "labels": detr_logits(3)}, image_name="input")
    assert (inspection.spec.output_format, inspection.spec.outputs) == ("detr_sigmoid", ("labels", "dets"))


def test_masks_beside_boxes_are_instances() -> None:
    queries = {"dets": boxes(20), "labels": detr_logits(3), "masks": random.normal(size=(1, 20, 16, 16))}
    spec = inspected({name: value.astype(np.float32) for name, value in queries.items()}).spec
    assert (spec.output_format, spec.outputs) == ("detr_masks", ("labels", "dets", "masks"))
    masks = {"masks": random.random(size=(7, 1, 28, 28)).astype(np.float32)}
    spec = inspected({**DETECTORS["boxes_labels_scores"], **masks}).spec
    assert (spec.output_format, spec.outputs) == ("torchvision", ("5121", "5122", "5123", "masks"))


@pytest.mark.parametrize(
    "output_format", ["ultralytics_end2end", "rows_batch_xyxy_score_class", "ultralytics_rtdetr_topk"]
)
def test_a_class_without_a_label_is_refused(output_format: str) -> None:
    with pytest.raises(ModelFileError, match="expected labels for 3 classes or more"):
        inspected(DETECTORS[output_format], facts={"labels": ("cat", "dog")})


def test_deepstream_rows_of_one_class_are_no_objectness() -> None:
    rows = yolo_rows(2.0, 3.0, 40.0, 50.0, 0.9, 0.0, count=CELLS)
    assert inspected({"output": rows}, facts={"labels": ("cat",)}).spec.output_format == "columns_xyxy_score_class"


def test_three_labels_do_not_make_boxes_of_detr_logits() -> None:
    assert inspected(DETECTORS["detr"]).spec.outputs == ("logits", "pred_boxes")


def test_ultraface_has_a_background_first() -> None:
    scores = np.tile(np.array([0.97, 0.03], np.float32), (1, CELLS, 1))
    scores[0, 0] = 0.1, 0.9
    inspection = inspected({"scores": scores, "boxes": boxes(CELLS)}, facts={"labels": ("face",)})
    assert (inspection.spec.output_format, inspection.spec.first_class) == ("boxes_scores_fraction", 1)
    assert inspection.spec.input.mean == (127, 127, 127)


def test_detr_logits_that_fit_both_activations_name_the_option() -> None:
    logits = random.normal(size=(1, 20, 9)).astype(np.float32)
    with pytest.raises(ModelFileError, match="--activation softmax"):
        inspected({"logits": logits, "pred_boxes": boxes(20)})


@pytest.mark.parametrize(
    ("task", "outputs", "labels"),
    [
        ("pose", {"output0": raw_yolo(0.9, extra=[30.0, 30.0, 0.9] * 17)}, ("person",)),
        ("oriented_boxes", {"output0": raw_yolo(0.1, 0.9, 0.1, extra=[-0.5])}, LABELS),
        (
            "instance_segmentation",
            {
                "output0": raw_yolo(0.1, 0.9, 0.1, extra=[-1.5] * 32),
                "output1": random.normal(size=(1, 32, 16, 16)).astype(np.float32),
            },
            LABELS,
        ),
    ],
)
def test_what_ultralytics_adds_to_boxes_is_told_by_its_columns(
    task: str, outputs: dict[str, Any], labels: tuple[str, ...]
) -> None:
    spec = inspected(outputs, facts={"labels": labels}).spec
    assert (spec.task.value, spec.output_format, spec.labels) == (task, "ultralytics", labels)


def test_end2end_keypoints_are_a_pose() -> None:
    row = yolo_rows(2.0, 3.0, 40.0, 50.0, 0.9, 0.0, *[9.0, 9.0, 0.5] * 17, count=300)
    spec = inspected({"output0": row}, facts={"labels": ("person",), "task": "pose"}).spec
    assert (spec.output_format, spec.keypoint_shape) == ("ultralytics_end2end", (17, 3))


def test_rows_without_a_detection_are_refused_unless_the_format_is_given() -> None:
    nothing = {"output0": np.zeros((1, 300, 6), np.float32)}
    with pytest.raises(ModelFileError, match="--format ultralytics_end2end"):
        inspected(nothing, varies=False)
    inspection = inspected(nothing, facts={"output_format": "ultralytics_end2end"}, varies=False)
    assert any("no photograph has a detection" in warning for warning in inspection.warnings)


def test_raw_scores_that_are_logits_are_no_yolo() -> None:
    with pytest.raises(ModelFileError, match="--format"):
        inspected({"output0": raw_yolo(-5.0, 4.0, -6.0)}, facts={"task": "detection"})


def test_a_wrong_number_of_labels_names_both_numbers() -> None:
    with pytest.raises(ModelFileError, match=r"expected 3 labels.*got 2"):
        inspected(DETECTORS["ultralytics"], facts={"labels": ("cat", "dog"), "task": "detection"})


def test_segmentation_and_depth_are_told_by_planes() -> None:
    logits = random.normal(size=(1, 3, 16, 16)).astype(np.float32)
    plane = np.abs(random.normal(size=(1, 64, 64))).astype(np.float32)
    assert inspected({"logits": logits}).spec.output_format == "class_logits"
    assert inspected({"x": logits.transpose(0, 2, 3, 1)}).spec.output_format == "class_logits_nhwc"
    assert inspected({"y": np.ones((1, 64, 64), np.int64)}).spec.output_format == "class_map"
    assert inspected({"predicted_depth": plane}, facts={"labels": None}).spec.task.value == "depth"


def test_one_value_for_each_pixel_without_a_name_is_refused() -> None:
    plane = np.abs(random.normal(size=(1, 1, 64, 64))).astype(np.float32)
    with pytest.raises(ModelFileError, match="--task depth"):
        inspected({"output": plane})
    assert inspected({"output": plane}, facts={"task": "depth"}).spec.output_format == "depth"


def test_features_of_an_encoder_are_embeddings() -> None:
    tokens = random.normal(size=(1, 5, 8)).astype(np.float32)
    pooled = random.normal(size=(1, 8)).astype(np.float32)
    assert inspected({"last_hidden_state": tokens}).spec.output_format == "cls_token"
    spec = inspected({"last_hidden_state": tokens, "pooler_output": pooled}).spec
    assert (spec.task.value, spec.output_format, spec.outputs) == ("embedding", "vector", ("pooler_output",))


def test_further_outputs_are_left_out() -> None:
    logits, hidden = random.normal(size=(1, 3)), random.normal(size=(1, 5, 8))
    spec = inspected({"hidden": hidden.astype(np.float32), "logits": logits.astype(np.float32)}).spec
    assert spec.outputs == ("logits",)


def test_several_vectors_name_the_option() -> None:
    vector = random.normal(size=(1, 3)).astype(np.float32)
    with pytest.raises(ModelFileError, match="--output"):
        inspected({"a": vector, "b": vector})
    assert inspected({"a": vector, "b": vector}, facts={"outputs": ("b",)}).spec.outputs == ("b",)


def test_an_output_that_the_graph_lacks_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"\(a\), got 'c'"):
        inspected({"a": random.normal(size=(1, 3)).astype(np.float32)}, facts={"outputs": ("c",)})


def test_an_input_that_no_image_determines_is_refused() -> None:
    text = {"input_ids": (TensorProto.INT64, [1, 7])}
    with pytest.raises(ModelFileError, match="input_ids"):
        inspected({"logits_per_image": np.ones((1, 3), np.float32)}, inputs=text)
