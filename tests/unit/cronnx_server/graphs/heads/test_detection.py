from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.boxes import Canvas
from cronnx_server.graphs.heads.detection import detection_answer, drop, keep_detections
from cronnx_server.graphs.heads.detection_formats import FORMATS
from cronnx_server.model_spec import ModelSpec
from tests.unit.cronnx_server.graphs.heads import numpy_reference
from tests.unit.cronnx_server.graphs.heads.head_session import GEOMETRY, SIZE, detector, run_head
from tests.unit.cronnx_server.graphs.heads.planted_detections import FIRST_CLASS, OUTPUTS, Planted, encode, plant

Array = npt.NDArray[Any]
HEIGHT, WIDTH = SIZE
CLASSES = 4


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", FORMATS)
def test_answers_what_was_planted_in_every_format(name: str, batch: int) -> None:
    rng = np.random.default_rng(5)
    images = [plant(rng, 60, CLASSES, height=HEIGHT, width=WIDTH) for _ in range(batch)]
    spec = detector(name, OUTPUTS.get(name, 1), first_class=FIRST_CLASS.get(name, 0), iou=0.4)
    outputs = encode(name, images, classes=CLASSES, height=HEIGHT, width=WIDTH)
    answer = run_head(spec, outputs, batch=batch)
    assert answer["box"].shape == (batch, 20, 4)
    for index, image in enumerate(images):
        layout = FORMATS[name]
        moved = max(HEIGHT, WIDTH) if layout.moved_by_canvas else 0
        _check(answer, index, image, iou=0.4 if layout.suppression else None, clipped=layout.clipped, moved=moved)


def _check(
    answer: Any, index: int, image: Planted, *, iou: float | None, clipped: bool = True, moved: float = 0
) -> None:
    box = image.box + moved * image.class_id[:, None] if moved else image.box
    class_id = np.zeros_like(image.class_id) if moved else image.class_id
    kept = numpy_reference.kept(box, image.score, class_id, confidence=0.25, iou=iou, rows=20)
    count = len(kept)
    assert answer["num_detections"][index].tolist() == [count]
    box = numpy_reference.to_photo(image.box[kept].reshape(-1, 2), GEOMETRY, clipped=clipped).reshape(-1, 4)
    np.testing.assert_allclose(answer["box"][index, :count], box, atol=2e-3)
    np.testing.assert_allclose(answer["score"][index, :count], image.score[kept], atol=1e-5)
    assert answer["class_id"][index, :count].tolist() == image.class_id[kept].tolist()
    assert answer["label"][index, :count].tolist() == [f"label {each}" for each in image.class_id[kept]]
    _check_padding(answer, index, count)


def _check_padding(answer: Any, index: int, count: int) -> None:
    assert not answer["box"][index, count:].any()
    assert not answer["score"][index, count:].any()
    assert (answer["class_id"][index, count:] == -1).all()
    assert (answer["label"][index, count:] == "").all()


@pytest.mark.parametrize("name", FORMATS)
def test_answers_nothing_where_nothing_is_over_the_confidence(name: str) -> None:
    images = [plant(np.random.default_rng(1), 30, CLASSES, height=HEIGHT, width=WIDTH)]
    spec = detector(name, OUTPUTS.get(name, 1), first_class=FIRST_CLASS.get(name, 0), confidence=0.95)
    answer = run_head(spec, encode(name, images, classes=CLASSES, height=HEIGHT, width=WIDTH), batch=1)
    assert answer["num_detections"].tolist() == [[0]]
    _check_padding(answer, 0, 0)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("rows_batch_xyxy_class_score", [np.zeros((0, 7), np.float32)]),
        ("rows_class_score_xyxy", [np.zeros((0, 6), np.float32), np.zeros(1, np.int32)]),
        ("ssd_rows", [np.zeros((1, 1, 0, 7), np.float32)]),
        ("boxes_labels_scores", [np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)]),
        ("dets_labels", [np.zeros((1, 0, 5), np.float32), np.zeros((1, 0), np.int64)]),
    ],
)
def test_answers_nothing_where_the_network_gives_no_rows(name: str, outputs: list[Array]) -> None:
    answer = run_head(detector(name, len(outputs)), outputs, batch=1)
    assert answer["num_detections"].tolist() == [[0]]
    _check_padding(answer, 0, 0)


def test_reads_torchvisions_outputs_without_a_batch() -> None:
    (image,) = images = [plant(np.random.default_rng(2), 7, CLASSES, height=HEIGHT, width=WIDTH)]
    outputs = encode("boxes_labels_scores", images, classes=CLASSES, height=HEIGHT, width=WIDTH)
    spec = detector("boxes_labels_scores", 3, first_class=1)
    _check(run_head(spec, [each[0] for each in outputs], batch=1), 0, image, iou=None)


def test_leaves_out_rows_past_the_count_and_classes_before_the_first() -> None:
    box = np.array([[[0, 0, 9, 9]] * 4], np.float32)
    score, class_id = np.full((1, 4), 0.9, np.float32), np.array([[1, 0, 1, 1]], np.float32)
    answer = run_head(detector("counted", 4, first_class=1), [np.array([[3]]), box, score, class_id], batch=1)
    assert answer["num_detections"].tolist() == [[2]]


def test_a_class_past_the_labels_keeps_its_number_without_a_label() -> None:
    rows = np.array([[[0, 0, 9, 9, 0.9, 7]]], np.float32)
    answer = run_head(detector("ultralytics_end2end", 1), [rows], batch=1)
    assert answer["class_id"][0, 0] == 7
    assert answer["label"][0, 0] == ""
    assert answer["num_detections"].tolist() == [[1]]


@pytest.mark.parametrize("opset", [17, 18, 20])
def test_is_the_same_in_every_opset(opset: int) -> None:
    (image,) = images = [plant(np.random.default_rng(3), 60, CLASSES, height=HEIGHT, width=WIDTH)]
    outputs = encode("ultralytics", images, classes=CLASSES, height=HEIGHT, width=WIDTH)
    _check(run_head(detector("ultralytics", 1), outputs, batch=1, opset=opset), 0, image, iou=0.7)


def test_reads_fp16_outputs() -> None:
    images = [plant(np.random.default_rng(4), 30, CLASSES, height=HEIGHT, width=WIDTH)]
    (raw,) = encode("ultralytics", images, classes=CLASSES, height=HEIGHT, width=WIDTH)
    halved = raw.astype(np.float16)
    half, single = (
        run_head(detector("ultralytics", 1), [each], batch=1) for each in (halved, halved.astype(np.float32))
    )
    np.testing.assert_array_equal(half["box"], single["box"])


@pytest.mark.parametrize("spread", [0.5, 8, 200])
@pytest.mark.parametrize("iou", [0.3, 0.7])
def test_suppresses_as_a_loop_over_boxes_does(spread: float, iou: float) -> None:
    rng = np.random.default_rng(6)
    raw = _crowd(rng, 1500, spread)
    answer = run_head(detector("ultralytics", 1, iou=iou, max_detections=300), [raw], batch=1)
    table = raw[0].T
    box = np.concatenate([table[:, :2] - table[:, 2:4] / 2, table[:, :2] + table[:, 2:4] / 2], 1)
    score, class_id = table[:, 4:].max(1), table[:, 4:].argmax(1)
    moved = box + class_id[:, None].astype(np.float32) * 7680
    kept = numpy_reference.kept(moved, score, class_id, confidence=0.25, iou=iou, rows=300)
    assert answer["num_detections"].tolist() == [[len(kept)]]
    np.testing.assert_array_equal(answer["score"][0, : len(kept)], score[kept])
    assert answer["class_id"][0, : len(kept)].tolist() == class_id[kept].tolist()


def _crowd(rng: np.random.Generator, count: int, spread: float) -> Array:
    """Overlapping boxes over the confidence, many of the same score."""
    centre = rng.uniform(300, 300 + spread, (count, 2))
    size = rng.uniform(90, 110, (count, 2))
    scores = rng.choice(np.linspace(0.3, 0.9, 50), (count, CLASSES)) * rng.uniform(0, 1, (count, CLASSES)).round()
    return np.concatenate([centre, size, scores], 1).T[None].astype(np.float32)


def test_finds_the_last_of_4000_candidates() -> None:
    raw = _crowd(np.random.default_rng(7), 4000, 8)
    raw[0, :4, -1] = 80, 80, 30, 30
    raw[0, 4:] = np.linspace(0.9, 0.3, 4000)
    answer = run_head(detector("ultralytics", 1), [raw], batch=1)
    assert answer["num_detections"].tolist() == [[2]]
    np.testing.assert_allclose(answer["score"][0, :2], [0.9, 0.3])


def test_compares_no_more_pairs_than_its_limit() -> None:
    kept, copies = 200, 3000
    corner = np.stack(np.meshgrid(np.arange(20), np.arange(10)), -1).reshape(-1, 2) * 75.0
    centre = np.concatenate([corner, np.repeat(corner[-1:], copies, axis=0), [[5000, 5000]]]) + 300
    scores = np.linspace(0.9, 0.3, len(centre))[:, None]
    raw = np.concatenate([centre, np.full_like(centre, 400), scores, 0 * scores], 1).T[None].astype(np.float32)
    spec = detector("ultralytics", 1, classes=2, max_detections=300)
    answer = run_head(spec, [raw], batch=1)
    assert answer["num_detections"].tolist() == [[kept]]


def test_every_class_of_a_box_counts_in_a_format_of_pairs() -> None:
    box = np.array([[[10, 40, 90, 90], [12, 40, 90, 90]]], np.float32)
    scores = np.array([[[0.9, 0.5, 0, 0], [0.8, 0.6, 0, 0]]], np.float32)
    answer = run_head(detector("boxes_scores", 2), [box, scores], batch=1)
    assert answer["num_detections"].tolist() == [[2]]
    np.testing.assert_allclose(answer["score"][0, :2], [0.9, 0.6])
    assert answer["class_id"][0, :2].tolist() == [0, 1]


def test_dropped_detections_leave_no_gap() -> None:
    rows = np.array([[[0, 40, 9 + row, 90, 0.9 - row / 10, row % 4] for row in range(5)]], np.float32)
    answer = run_head(detector("ultralytics_end2end", 1), [rows], batch=1, add_head=_without_even_classes)
    assert answer["num_detections"].tolist() == [[2]]
    np.testing.assert_allclose(answer["score"][0, :3], [0.8, 0.6, 0], atol=1e-6)
    assert answer["class_id"][0, :3].tolist() == [1, 3, -1]
    assert answer["row"][0, :2].tolist() == [1, 3]


def _without_even_classes(
    graph: GraphBuilder, tensors: Sequence[str], geometry: str, spec: ModelSpec, *, pixels_shape: str
) -> dict[str, str]:
    canvas = Canvas(graph, geometry=geometry, pixels_shape=pixels_shape)
    kept = keep_detections(graph, tensors, spec, canvas)
    odd = graph.op("Equal", graph.op("Mod", kept.class_id, graph.ints(2)), graph.ints(1))
    remaining, row = drop(graph, kept, stays=odd, spec=spec)
    return {**detection_answer(graph, remaining, spec, canvas), "row": graph.cast(row, TensorProto.FLOAT)}
