from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.network import prepare
from cronnx_server.graphs.suppression import cut_before_suppression, replace_plugin
from tests.unit.cronnx_server.graphs.exported_graphs import exported, weights

CLASSES, SIDE = 3, 64
ANCHORS = 84  # 8 x 8, 4 x 4 and 2 x 2
SHAPE = (3, SIDE, SIDE)
IMAGES = np.random.default_rng(6).random((3, *SHAPE)).astype(np.float32)


def run(model: ModelProto, images: np.ndarray = IMAGES) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": images})


def raw(b: GraphBuilder, channels: int, *, batch: int = 1, corners: bool = False, to: str = "") -> str:
    """A network of one detector: [batch, channels, anchors], boxes in pixels."""
    levels = []
    for stride in (8, 16, 32):
        level = b.op("Conv", "image", b.constant(weights(channels, 3, stride, stride)), strides=[stride, stride])
        levels.append(b.op("Reshape", level, b.ints(batch, channels, -1)))
    joined = b.op("Sigmoid", b.op("Concat", *levels, axis=2))
    first, second, rest = b.ops("Split", joined, b.ints(2, 2, channels - 4), outputs=3, axis=1)
    places = np.stack(np.meshgrid(np.linspace(4, 60, 12), np.linspace(4, 60, 7)), axis=0).reshape(1, 2, ANCHORS)
    centre, size = b.op("Add", first, b.constant(places)), b.op("Mul", second, b.constant(16.0))
    half = b.op("Mul", size, b.constant(0.5))
    boxes = [b.op("Sub", centre, half), b.op("Add", centre, half)] if corners else [centre, size]
    return b.op("Concat", *boxes, rest, axis=1, to=to)


def unrolled(b: GraphBuilder, *, extra: int = 0, batch: int = 1, corners: bool = False) -> None:
    """What Ultralytics' `nms=True` writes: the suppression once for each image of the batch."""
    rows = b.op("Transpose", raw(b, 4 + CLASSES + extra, batch=batch, corners=corners), perm=[0, 2, 1])
    boxes, scores, rest = (
        b.op("Slice", rows, b.ints(start), b.ints(end), b.ints(2))
        for start, end in ((0, 4), (4, 4 + CLASSES), (4 + CLASSES, 4 + CLASSES + max(extra, 1)))
    )
    best, label = b.op("ReduceMax", scores, axes=[2], keepdims=0), b.op("ArgMax", scores, axis=2, keepdims=1)
    answers = []
    for image in range(batch):
        at = b.constant(image, np.int64)
        one, score, name, more = (b.op("Gather", each, at, axis=0) for each in (boxes, best, label, rest))
        unsqueezed = b.op("Unsqueeze", one, b.ints(0)), b.op("Unsqueeze", score, b.ints(0, 1))
        kept = b.op("NonMaxSuppression", *unsqueezed, b.ints(20), b.constant([0.7]))
        index = b.op("Squeeze", b.op("Gather", kept, b.ints(2), axis=1), b.ints(1))
        columns = [one, b.op("Unsqueeze", score, b.ints(1)), name, *([more] if extra else [])]
        columns[2] = b.op("Mul", b.op("Sub", columns[1], columns[1]), columns[1])
        found = b.op("Gather", b.op("Concat", *columns, axis=1), index, axis=0)
        answers.append(b.op("Unsqueeze", b.op("Slice", found, b.ints(0), b.ints(1), b.ints(0)), b.ints(0)))
    b.op("Concat", *answers, axis=0, to="output0")
    b.op("MaxPool", "image", kernel_shape=[4, 4], strides=[4, 4], to="output1")


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("extra", [0, 1, 32, 51])
def test_an_unrolled_suppression_is_cut(extra: int, corners: bool, batch: int) -> None:
    outputs = {"output0": [batch, 1, 6 + extra], "output1": [batch, 3, 16, 16]}
    model = exported(
        lambda b: unrolled(b, extra=extra, batch=batch, corners=corners), image=[batch, *SHAPE], outputs=outputs
    )
    cut = cut_before_suppression(model, image_input="image", image_shape=SHAPE, classes=CLASSES)
    assert cut is not None
    assert (cut.output, cut.output_format) == ("output0", "ultralytics")
    network = prepare(cut.model, image_input="image", image_shape=SHAPE, outputs=["output0", "output1"])
    assert network.batchable, network.reason
    expected = exported(
        lambda b: raw(b, 4 + CLASSES + extra, batch=3, to="output0"),
        image=[3, *SHAPE],
        outputs={"output0": [3, 4 + CLASSES + extra, ANCHORS]},
    )
    found = run(network.model)
    np.testing.assert_allclose(found[0], run(expected)[0], rtol=1e-4, atol=1e-4)
    assert found[1].shape == (3, 3, 16, 16)


def test_yolov7_with_onnx_runtimes_suppression_is_cut_to_its_raw_tensor() -> None:
    def build(b: GraphBuilder) -> None:
        columns = raw(b, 3 * (5 + CLASSES))
        rows = b.op("Reshape", b.op("Transpose", columns, perm=[0, 2, 1]), b.ints(1, 3 * ANCHORS, 5 + CLASSES))
        boxes, objectness, scores = b.ops("Split", rows, b.ints(4, 1, CLASSES), outputs=3, axis=2)
        by_class = b.op("Transpose", b.op("Mul", scores, objectness), perm=[0, 2, 1])
        kept = b.op("NonMaxSuppression", boxes, by_class, b.ints(10), b.constant([0.5]), b.constant([0.2]))
        b.op("Gather", kept, b.ints(0, 1, 2, 0, 1, 2, 0), axis=1, to="output")

    model = exported(build, image=[1, *SHAPE], outputs={"output": ["n", 7]}, output_dtype=7)
    cut = cut_before_suppression(model, image_input="image", image_shape=SHAPE, classes=CLASSES)
    assert cut is not None
    assert cut.output_format == "yolov5"
    network = prepare(cut.model, image_input="image", image_shape=SHAPE, outputs=["output"])
    assert network.batchable, network.reason
    assert run(network.model)[0].shape == (3, 3 * ANCHORS, 5 + CLASSES)


def test_an_end_to_end_export_is_left_alone() -> None:
    def build(b: GraphBuilder) -> None:
        scores = b.op("ReduceMax", raw(b, 4 + CLASSES), axes=[1], keepdims=0)
        b.ops("TopK", scores, b.ints(5), outputs=2, to=("output0", "index"))

    model = exported(build, image=[1, *SHAPE], outputs={"output0": [1, 5]})
    assert cut_before_suppression(model, image_input="image", image_shape=SHAPE, classes=CLASSES) is None


def test_a_suppression_of_other_tensors_is_left_alone() -> None:
    model = exported(unrolled, image=[1, *SHAPE], outputs={"output0": [1, 1, 6]})
    assert cut_before_suppression(model, image_input="image", image_shape=SHAPE, classes=9) is None


def plugin(operator: str, **options: object) -> ModelProto:
    def build(b: GraphBuilder) -> None:
        boxes, scores = b.ops(
            "Split", b.op("Transpose", raw(b, 4 + CLASSES), perm=[0, 2, 1]), b.ints(4, CLASSES), outputs=2, axis=2
        )
        if operator.startswith("BatchedNMS"):
            boxes = b.op("Unsqueeze", boxes, b.ints(2))
        names = ("num_dets", "det_boxes", "det_scores", "det_classes")
        b.ops(operator, boxes, scores, outputs=4, domain="TRT", to=names, **options)

    outputs = {"num_dets": [1, 1], "det_boxes": [1, 9, 4], "det_scores": [1, 9], "det_classes": [1, 9]}
    return exported(build, image=[1, *SHAPE], outputs=outputs, imports={"TRT": 1})


def test_an_efficient_nms_gives_its_inputs_and_attributes() -> None:
    options = {"score_threshold": 0.4, "iou_threshold": 0.45, "max_output_boxes": 9, "box_coding": 1,
               "score_activation": 1, "background_class": -1}  # fmt: skip
    found = replace_plugin(plugin("EfficientNMS_TRT", **options))
    assert found is not None
    assert (found.corners, found.activation, found.background_class, found.class_agnostic) == (
        False,
        "sigmoid",
        -1,
        False,
    )
    assert (round(found.confidence, 4), round(found.iou, 4), found.max_detections) == (0.4, 0.45, 9)
    network = prepare(found.model, image_input="image", image_shape=SHAPE, outputs=[found.boxes, found.scores])
    assert network.batchable, network.reason
    boxes, scores = run(network.model)
    assert boxes.shape == (3, ANCHORS, 4)
    assert scores.shape == (3, ANCHORS, CLASSES)


def test_a_batched_nms_gives_boxes_without_their_dimension_of_classes() -> None:
    found = replace_plugin(
        plugin("BatchedNMSDynamic_TRT", scoreThreshold=0.3, iouThreshold=0.6, keepTopK=7, backgroundLabelId=-1)
    )
    assert found is not None
    assert (found.corners, found.max_detections, round(found.iou, 4)) == (True, 7, 0.6)
    network = prepare(found.model, image_input="image", image_shape=SHAPE, outputs=[found.boxes, found.scores])
    assert run(network.model)[0].shape == (3, ANCHORS, 4)


def test_a_graph_without_a_plugin_has_nothing_to_replace() -> None:
    assert replace_plugin(exported(unrolled, image=[1, *SHAPE], outputs={"output0": [1, 1, 6]})) is None


def test_several_plugins_are_refused() -> None:
    model = plugin("EfficientNMS_TRT")
    second = type(model.graph.node[-1])()
    second.CopyFrom(model.graph.node[-1])
    second.output[:] = ["a", "b", "c", "d"]
    model.graph.node.append(second)
    with pytest.raises(ModelFileError, match="expected one suppression of boxes in the graph, got 2"):
        replace_plugin(model)
