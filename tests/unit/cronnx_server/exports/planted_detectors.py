"""Detectors of every family with a planted answer, as their exporters write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.unit.cronnx_server.exports.planted import (
    CUP,
    DUST,
    HEIGHT,
    NAMES,
    OBJECTS,
    SHADOW,
    TABLE,
    WIDTH,
    Array,
    Export,
    Planted,
    anchors,
    class_scores,
    cxcywh,
    hugging_face,
    letterboxed,
    logit,
    network,
    padded,
    stretched,
    ultralytics_metadata,
)

FIXED = (1, 3, 640, 640)
RAW = (CUP, SHADOW, TABLE, DUST)
LABELS = "\n".join(NAMES)
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def _raw(boxes: Array, objects: Sequence[Planted], *more: Array) -> Array:
    """Boxes, class scores and more columns."""
    return np.concatenate([boxes, class_scores(objects), *more], axis=1)


def _with_column(boxes: Array, objects: Sequence[Planted], *, first_class: int = 0) -> Array:
    """Boxes, score, class."""
    return np.column_stack([boxes, [o.score for o in objects], [o.class_id + first_class for o in objects]])


def _options(resize: str, mean: str, std: str) -> tuple[str, ...]:
    return ("--resize", resize, "--mean", *[mean] * 3, "--std", *[std] * 3)


def ultralytics() -> Export:
    rows = _raw(cxcywh(letterboxed(RAW)), RAW)
    output = anchors(rows, 8400).transpose(0, 2, 1)
    return Export("ultralytics", network({"output0": output}, shape=FIXED, metadata=ultralytics_metadata("detect")))


def ultralytics_dynamic() -> Export:
    """Padded to a multiple of the stride: 640 x 448 for the photograph."""
    gain = 640 / WIDTH
    boxes = np.array([each.box for each in RAW]) * gain + [0, 10, 0, 10]
    output = anchors(_raw(cxcywh(boxes), RAW), 80 * 56 + 40 * 28 + 20 * 14).transpose(0, 2, 1)
    metadata = ultralytics_metadata("detect")
    metadata["args"] = str({"batch": 1, "dynamic": True, "nms": None})
    shape = ("batch", 3, "height", "width")
    model = network({"output0": output}, shape=shape, metadata=metadata, dims=None)
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "anchors"
    return Export("ultralytics_dynamic", model)


def ultralytics_end2end() -> Export:
    rows = _with_column(letterboxed((*OBJECTS, DUST)), (*OBJECTS, DUST))
    metadata = ultralytics_metadata("detect", end2end=True)
    return Export("ultralytics_end2end", network({"output0": padded(rows, 300)}, shape=FIXED, metadata=metadata))


def ultralytics_pose() -> Export:
    points = letterboxed([Planted((x, y, x, y), 0, 1) for x, y in ((150, 100), (250, 150))])[:, :2]
    keypoints = np.column_stack([points, [0.9, 0.2]]).reshape(1, -1)
    metadata = ultralytics_metadata("pose", kpt_shape="[2, 3]")
    metadata["names"] = "{0: 'cup'}"
    rows = np.concatenate([cxcywh(letterboxed([CUP])), [[CUP.score]], keypoints], axis=1)
    expected = np.array([[[150, 100, 0.9], [250, 150, 0.2]]])
    return Export(
        "ultralytics_pose",
        network({"output0": anchors(rows, 8400).transpose(0, 2, 1)}, shape=FIXED, metadata=metadata),
        task="pose",
        objects=(CUP,),
        outputs={"keypoints": expected},
    )


def ultralytics_obb() -> Export:
    """A box of 200 x 100 pixels around (300, 200), turned by a quarter of a right angle."""
    angle, gain = np.pi / 8, 640 / WIDTH
    centre = np.array([300, 200]) * gain + [0, (640 - round(HEIGHT * gain)) // 2]
    row = np.array([[*centre, 200 * gain, 100 * gain, 0.01, 0.8, 0.01, angle]])
    along, across = np.array([np.cos(angle), np.sin(angle)]) * 100, np.array([-np.sin(angle), np.cos(angle)]) * 50
    corners = np.array([300, 200]) + np.array([along + across, along - across, -along - across, -along + across])
    box = tuple(np.concatenate([corners.min(axis=0), corners.max(axis=0)]).tolist())
    output = anchors(row, 8400).transpose(0, 2, 1)
    return Export(
        "ultralytics_obb",
        network({"output0": output}, shape=FIXED, metadata=ultralytics_metadata("obb")),
        task="oriented_boxes",
        objects=(Planted(box, 1, 0.8),),
        outputs={"corners": corners[None]},
    )


def ultralytics_segmentation() -> Export:
    """The cup's mask is the left half of its box."""
    box = letterboxed([CUP])
    x1, y1, x2, y2 = np.round(box[0] / 4).astype(int)
    prototypes = np.full((1, 32, 160, 160), -1, np.float32)
    prototypes[0, 0, y1:y2, x1 : (x1 + x2) // 2] = 1
    coefficients = np.zeros((1, 32))
    coefficients[0, 0] = 5
    rows = _raw(cxcywh(box), [CUP], coefficients)
    outputs = {"output0": anchors(rows, 8400).transpose(0, 2, 1), "output1": prototypes}
    model = network(outputs, shape=FIXED, metadata=ultralytics_metadata("segment"))
    mask = np.zeros((1, HEIGHT, WIDTH), bool)
    mask[0, 50:200, 100:200] = True
    return Export(
        "ultralytics_segmentation", model, task="instance_segmentation", objects=(CUP,), outputs={"mask": mask}
    )


def ultralytics_rtdetr() -> Export:
    rows = _raw(cxcywh(stretched(OBJECTS)), OBJECTS)
    metadata = ultralytics_metadata("detect", head="RTDETRDecoder")
    return Export("ultralytics_rtdetr", network({"output0": padded(rows, 300)}, shape=FIXED, metadata=metadata))


def ultralytics_rtdetr_topk() -> Export:
    """Newer exports choose the best class in the graph."""
    rows = _with_column(cxcywh(stretched(OBJECTS)), OBJECTS)
    metadata = ultralytics_metadata("detect", head="RTDETRDecoder")
    return Export("ultralytics_rtdetr_topk", network({"output0": padded(rows, 300)}, shape=FIXED, metadata=metadata))


def ultralytics_pose_end2end() -> Export:
    export = ultralytics_pose()
    points = letterboxed([Planted((x, y, x, y), 0, 1) for x, y in ((150, 100), (250, 150))])[:, :2]
    keypoints = np.column_stack([points, [0.9, 0.2]]).reshape(1, -1)
    rows = np.concatenate([_with_column(letterboxed([CUP]), [CUP]), keypoints], axis=1)
    metadata = {**ultralytics_metadata("pose", end2end=True, kpt_shape="[2, 3]"), "names": "{0: 'cup'}"}
    model = network({"output0": padded(rows, 300)}, shape=FIXED, metadata=metadata)
    return replace(export, name="ultralytics_pose_end2end", model=model)


def ultralytics_obb_end2end() -> Export:
    """Centre and size, score, class, angle."""
    export, gain = ultralytics_obb(), 640 / WIDTH
    centre = np.array([300, 200]) * gain + [0, (640 - round(HEIGHT * gain)) // 2]
    row = np.array([[*centre, 200 * gain, 100 * gain, 0.8, 1, np.pi / 8]])
    metadata = ultralytics_metadata("obb", end2end=True)
    model = network({"output0": padded(row, 300)}, shape=FIXED, metadata=metadata)
    return replace(export, name="ultralytics_obb_end2end", model=model)


def yolov5() -> Export:
    rows = np.column_stack([cxcywh(letterboxed(RAW)), np.full(len(RAW), 0.99), class_scores(RAW) / 0.99])
    metadata = {"stride": "32", "names": str(dict(enumerate(NAMES)))}
    return Export("yolov5", network({"output0": anchors(rows, 25200)}, shape=FIXED, metadata=metadata))


def _yolox_boxes() -> Array:
    gain = min(640 / WIDTH, 640 / HEIGHT)
    return cxcywh(np.array([each.box for each in RAW]) * gain)


def yolov5_segmentation() -> Export:
    """Objectness before the classes; the masks are those of Ultralytics."""
    export = ultralytics_segmentation()
    rows, prototypes = (numpy_helper.to_array(export.model.graph.initializer[index]) for index in (2, 4))
    table = np.insert(rows[0].T, 4, 1, axis=1)[rows[0, 4] > 0]
    outputs = {"output0": anchors(table, 25200), "output1": prototypes}
    metadata = {"stride": "32", "names": str(dict(enumerate(NAMES)))}
    return replace(export, name="yolov5_segmentation", model=network(outputs, shape=FIXED, metadata=metadata))


def ultralytics_transposed() -> Export:
    """Ultralytics' raw output with a row for each cell, as other exporters give it."""
    output = anchors(_raw(cxcywh(letterboxed(RAW)), RAW), 8400)
    options = _options("letterbox", "0", "1")
    return Export("ultralytics_transposed", network({"output": output}, shape=FIXED), {"labels.txt": LABELS}, options)


def yolox() -> Export:
    """Boxes relative to the cells of three grids, of strides 8, 16 and 32."""
    output = np.zeros((1, 8400, 8), np.float32)
    for index, (box, scores) in enumerate(zip(_yolox_boxes(), class_scores(RAW), strict=True)):
        column, row = int(box[0] // 16), int(box[1] // 16) + index % 2
        cell = [box[0] / 16 - column, box[1] / 16 - row, *np.log(box[2:] / 16)]
        output[0, 6400 + row * 40 + column] = [*cell, 0.99, *(scores / 0.99)]
    model = network({"output": output}, shape=FIXED)
    return Export("yolox", model, {"labels.txt": LABELS}, ("--bgr", "--scale", "1"))


def yolox_decoded() -> Export:
    rows = np.column_stack([_yolox_boxes(), np.full(len(RAW), 0.99), class_scores(RAW) / 0.99])
    model = network({"output": anchors(rows, 8400)}, shape=FIXED)
    return Export("yolox_decoded", model, {"labels.txt": LABELS}, ("--bgr", "--scale", "1"))


def yolov7_tensorrt() -> Export:
    """The plugin's node, which ONNX Runtime does not have."""
    boxes, scores = anchors(letterboxed(RAW), 25200), anchors(class_scores(RAW), 25200)
    model = network({"boxes": boxes, "scores": scores}, shape=FIXED)
    attributes = {
        "background_class": -1,
        "box_coding": 0,
        "iou_threshold": 0.45,
        "max_output_boxes": 100,
        "plugin_version": "1",
        "score_activation": 0,
        "score_threshold": 0.25,
    }
    names = ["num_dets", "det_boxes", "det_scores", "det_classes"]
    node = helper.make_node("EfficientNMS_TRT", ["boxes", "scores"], names, domain="TRT", **attributes)
    model.graph.node.append(node)
    del model.graph.output[:]
    shapes = (TensorProto.INT32, [1, 1]), (TensorProto.FLOAT, [1, 100, 4]), (TensorProto.FLOAT, [1, 100])
    for name, (onnx_type, shape) in zip(names, (*shapes, (TensorProto.INT32, [1, 100])), strict=True):
        model.graph.output.append(helper.make_tensor_value_info(name, onnx_type, shape))
    model.opset_import.append(helper.make_opsetid("TRT", 1))
    return Export("yolov7_tensorrt", model, {"labels.txt": LABELS})


def yolov7_rows() -> Export:
    rows = np.column_stack(
        [np.zeros(2), letterboxed(OBJECTS), [o.class_id for o in OBJECTS], [o.score for o in OBJECTS]]
    )
    model = network({"output": rows.astype(np.float32)}, shape=FIXED, dims={"output": ["rows", 7]})
    return Export("yolov7_rows", model, {"labels.txt": LABELS})


def yolo_nas() -> Export:
    boxes = padded(stretched(OBJECTS, 640, 640), 20, fill=-1)
    outputs = {
        "num_predictions": np.array([[2]], np.int64),
        "pred_boxes": boxes,
        "pred_scores": padded(np.array([[o.score] for o in OBJECTS]), 20, fill=-1)[..., 0],
        "pred_classes": padded(np.array([[o.class_id] for o in OBJECTS]), 20, fill=-1)[..., 0].astype(np.int64),
    }
    model = network(outputs, image="input", shape=FIXED, image_type=TensorProto.UINT8)
    return Export("yolo_nas", model, {"labels.txt": LABELS}, ("--resize", "exact"))


def yolo_nas_flat() -> Export:
    rows = np.column_stack(
        [np.zeros(2), stretched(OBJECTS, 640, 640), [o.score for o in OBJECTS], [o.class_id for o in OBJECTS]]
    )
    dims: dict[str, list[int | str]] = {"graph2_flat_predictions": ["rows", 7]}
    outputs = {"graph2_flat_predictions": rows.astype(np.float32)}
    model = network(outputs, image="input", shape=FIXED, image_type=TensorProto.UINT8, dims=dims)
    return Export("yolo_nas_flat", model, {"labels.txt": LABELS}, ("--resize", "exact"))


def detr() -> Export:
    """The photograph becomes 1200 x 800."""
    probabilities = np.column_stack([class_scores(OBJECTS, rest=0.001), np.zeros(2)])
    probabilities[:, -1] = 1 - probabilities.sum(axis=1)
    nothing = np.tile([1e-4, 1e-4, 1e-4, 1 - 3e-4], (48, 1))
    logits = np.log(np.concatenate([probabilities, nothing]))[None].astype(np.float32)
    boxes = padded(cxcywh(stretched(OBJECTS)), 50, fill=0.5)
    processor = {
        "image_processor_type": "DetrImageProcessor",
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": 800, "longest_edge": 1333},
        **IMAGENET,
    }
    model = network(
        {"logits": logits, "pred_boxes": boxes, "last_hidden_state": np.zeros((1, 50, 8), np.float32)},
        image="pixel_values",
        shape=("batch_size", 3, "height", "width"),
        extra_inputs={"pixel_mask": (TensorProto.INT64, ["batch_size", "height", "width"])},
    )
    return Export("detr", model, hugging_face("DetrForObjectDetection", "detr", processor))


def rt_detr() -> Export:
    logits = padded(logit(class_scores(OBJECTS)), 300, fill=-9)
    boxes = padded(cxcywh(stretched(OBJECTS)), 300, fill=0.5)
    processor = {
        "image_processor_type": "RTDetrImageProcessor",
        "do_normalize": False,
        "do_rescale": True,
        "do_resize": True,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 640, "width": 640},
    }
    model = network(
        {"logits": logits, "pred_boxes": boxes}, image="pixel_values", shape=("batch", 3, "height", "width")
    )
    return Export("rt_detr", model, hugging_face("RTDetrForObjectDetection", "rt_detr", processor))


def rt_detr_repository() -> Export:
    """The graph multiplies by `orig_target_sizes`, which are (width, height)."""
    outputs = {
        "labels": padded(np.array([[o.class_id] for o in OBJECTS]), 300)[..., 0].astype(np.int64),
        "boxes": padded(stretched(OBJECTS), 300),
        "scores": padded(np.array([[o.score] for o in OBJECTS]), 300)[..., 0],
    }
    sizes = {"orig_target_sizes": (TensorProto.INT64, ["N", 2])}
    model = network(outputs, shape=("N", 3, 640, 640), extra_inputs=sizes)
    for node in model.graph.node:
        node.output[:] = ["fractions" if name == "boxes" else name for name in node.output]
    model.graph.node.extend(
        [
            helper.make_node("Tile", ["orig_target_sizes", "twice"], ["sides"]),
            helper.make_node("Cast", ["sides"], ["sides_float"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["sides_float", "axis"], ["sides_3d"]),
            helper.make_node("Mul", ["fractions", "sides_3d"], ["boxes"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.int64), "twice"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    return Export("rt_detr_repository", model, {"labels.txt": LABELS})


def rf_detr() -> Export:
    """Its last class is the background."""
    logits = padded(np.column_stack([logit(class_scores(OBJECTS)), [-9, -9]]), 300, fill=-9)
    boxes = padded(cxcywh(stretched(OBJECTS)), 300, fill=0.5)
    model = network({"dets": boxes, "labels": logits}, image="input", shape=("batch", 3, 560, 560))
    return Export("rf_detr", model, {"labels.txt": LABELS})


def torchvision() -> Export:
    """Normalised in the graph; classes from 1, for 0 is the background."""
    outputs = {
        "boxes": np.array([o.box for o in OBJECTS], np.float32) * np.array([800 / WIDTH, 800 / HEIGHT] * 2, np.float32),
        "labels": np.array([o.class_id + 1 for o in OBJECTS], np.int64),
        "scores": np.array([o.score for o in OBJECTS], np.float32),
    }
    dims: dict[str, list[int | str]] = {"boxes": ["n", 4], "labels": ["n"], "scores": ["n"]}
    model = network(outputs, image="input", shape=(1, 3, 800, 800), dims=dims)
    side_files = {"labels.txt": "__background__\n" + LABELS}
    return Export("torchvision", model, side_files, _options("exact", "0", "1"))


def mask_rcnn() -> Export:
    """Torchvision's masks of 28 x 28 or of the image; the cup's is the left half of its box."""
    export = torchvision()
    mask = np.zeros((1, 1, 800, 800), np.float32)
    mask[0, 0, 100:400, 133:267] = 1
    outputs = {
        "boxes": np.array([CUP.box], np.float32) * np.array([800 / WIDTH, 800 / HEIGHT] * 2, np.float32),
        "labels": np.array([CUP.class_id + 1], np.int64),
        "scores": np.array([CUP.score], np.float32),
        "masks": mask,
    }
    dims: dict[str, list[int | str]] = {
        "boxes": ["n", 4],
        "labels": ["n"],
        "scores": ["n"],
        "masks": ["n", 1, 800, 800],
    }
    model = network(outputs, image="input", shape=(1, 3, 800, 800), dims=dims)
    expected = np.zeros((1, HEIGHT, WIDTH), bool)
    expected[0, 50:200, 100:200] = True
    return replace(
        export,
        name="mask_rcnn",
        model=model,
        task="instance_segmentation",
        objects=(CUP,),
        outputs={"mask": expected},
    )


def tensorflow() -> Export:
    """Boxes y1 x1 y2 x2 in fractions; classes are numbers from 1, as floats."""
    boxes = padded(stretched(OBJECTS)[:, [1, 0, 3, 2]], 100)
    outputs = {
        "detection_boxes": boxes,
        "detection_classes": padded(np.array([[o.class_id + 1] for o in OBJECTS]), 100, fill=1)[..., 0],
        "detection_scores": padded(np.array([[o.score] for o in OBJECTS]), 100)[..., 0],
        "num_detections": np.array([100], np.float32),
    }
    model = network(
        outputs,
        image="input_tensor",
        shape=(1, 320, 320, 3),
        image_type=TensorProto.UINT8,
        producer="tf2onnx",
    )
    return Export("tensorflow", model, {"labels.txt": LABELS})


def deepstream() -> Export:
    rows = _with_column(letterboxed(RAW), RAW)
    return Export(
        "deepstream", network({"output": anchors(rows, 8400)}, image="input", shape=FIXED), {"labels.txt": LABELS}
    )


def mmdeploy() -> Export:
    boxes = np.column_stack([np.array([o.box for o in OBJECTS]) * (320 / WIDTH), [o.score for o in OBJECTS]])
    outputs = {
        "dets": padded(boxes, 100),
        "labels": padded(np.array([[o.class_id] for o in OBJECTS]), 100, fill=-1)[..., 0].astype(np.int64),
    }
    model = network(outputs, image="input", shape=("batch", 3, 320, 320))
    transforms = [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "keep_ratio": True, "size": [320, 320]},
        {"type": "Normalize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True},
        {"type": "Pad", "size": [320, 320], "pad_val": {"img": [114, 114, 114]}},
        {"type": "DefaultFormatBundle"},
        {"type": "Collect", "keys": ["img"]},
    ]
    task = {"name": "Preprocess", "type": "pre", "module": "Transform", "input": ["img"], "transforms": transforms}
    side_files = {
        "deploy.json": json.dumps({"version": "1.3.1", "task": "Detector", "codebase": "mmdet", "models": []}),
        "pipeline.json": json.dumps({"pipeline": {"input": ["img"], "output": ["post_output"], "tasks": [task]}}),
        "labels.txt": LABELS,
    }
    return Export("mmdeploy", model, side_files)


def paddle() -> Export:
    """Rows of class, score and corners, in the photograph's pixels once divided by `scale_factor` (height, width)."""
    rows = np.column_stack(
        [[o.class_id for o in OBJECTS], [o.score for o in OBJECTS], stretched(OBJECTS, 320, 320)]
    ).astype(np.float32)
    scale = {"scale_factor": (TensorProto.FLOAT, [1, 2])}
    dims: dict[str, list[int | str]] = {"rows": ["n", 6], "multiclass_nms3_0.tmp_2": ["n_2"]}
    outputs = {"rows": rows, "multiclass_nms3_0.tmp_2": np.array([2], np.int32)}
    model = network(
        outputs, image="image", shape=(1, 3, 320, 320), extra_inputs=scale, dims=dims, producer="PaddlePaddle"
    )
    for node in model.graph.node:
        node.output[:] = ["network_rows" if name == "rows" else name for name in node.output]
    split = helper.make_node("Split", ["network_rows", "parts"], ["classes_scores", "corners"], axis=1)
    model.graph.node.extend(
        [
            split,
            helper.make_node("Gather", ["scale_factor", "width_first"], ["factors"], axis=1),
            helper.make_node("Div", ["corners", "factors"], ["scaled"]),
            helper.make_node("Concat", ["classes_scores", "scaled"], ["rows"], axis=1),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 4], np.int64), "parts"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 0, 1, 0], np.int64), "width_first"))
    config = f"""\
mode: paddle
draw_threshold: 0.5
arch: PicoDet
Preprocess:
- interp: 2
  keep_ratio: false
  target_size: [320, 320]
  type: Resize
- is_scale: true
  mean: [0.485, 0.456, 0.406]
  norm_type: mean_std
  std: [0.229, 0.224, 0.225]
  type: NormalizeImage
- type: Permute
label_list: [{", ".join(NAMES)}]
"""
    return Export("paddle", model, {"infer_cfg.yml": config})


def ultraface() -> Export:
    """Two classes, of which the first is the background."""
    face = Planted((100, 50, 300, 200), 0, 0.9)
    scores = anchors(np.array([[0.1, 0.9]]), 4420)
    scores[0, scores[0].sum(axis=1) == 0] = [0.99, 0.01]
    outputs = {"scores": scores, "boxes": anchors(stretched([face]), 4420)}
    model = network(outputs, image="input", shape=(1, 3, 240, 320))
    options = _options("exact", "0.498", "0.502")
    return Export("ultraface", model, {"labels.txt": "BACKGROUND\nface\n"}, options, objects=(face,))


def ssd_zoo() -> Export:
    outputs = {
        "bboxes": padded(stretched(OBJECTS), 200),
        "labels": padded(np.array([[o.class_id + 1] for o in OBJECTS]), 200, fill=1)[..., 0].astype(np.int64),
        "scores": padded(np.array([[o.score] for o in OBJECTS]), 200)[..., 0],
    }
    model = network(outputs, image="image", shape=(1, 3, 1200, 1200))
    options = _options("exact", "0.456", "0.224")
    return Export("ssd_zoo", model, {"labels.txt": "__background__\n" + LABELS}, options)


def ssd_rows() -> Export:
    """OpenVINO's and OpenCV's layout: image, class, score and corners in fractions."""
    rows = np.column_stack(
        [np.zeros(2), [o.class_id + 1 for o in OBJECTS], [o.score for o in OBJECTS], stretched(OBJECTS)]
    )
    output = padded(rows, 200)[:, None]
    dims = {"detection_out": [1, 1, 200, 7]}  # one table for all images of a batch
    model = network({"detection_out": output}, image="data", shape=(1, 3, 300, 300), dims=dims)
    options = _options("exact", "0.5", "0.5")
    return Export("ssd_rows", model, {"labels.txt": "background\n" + LABELS}, options)


DETECTORS = [
    ultralytics,
    ultralytics_dynamic,
    ultralytics_end2end,
    ultralytics_pose,
    ultralytics_obb,
    ultralytics_segmentation,
    ultralytics_rtdetr,
    ultralytics_rtdetr_topk,
    ultralytics_pose_end2end,
    ultralytics_obb_end2end,
    yolov5,
    yolov5_segmentation,
    ultralytics_transposed,
    yolox,
    yolox_decoded,
    yolov7_tensorrt,
    yolov7_rows,
    yolo_nas,
    yolo_nas_flat,
    detr,
    rt_detr,
    rt_detr_repository,
    rf_detr,
    torchvision,
    mask_rcnn,
    tensorflow,
    deepstream,
    mmdeploy,
    paddle,
    ultraface,
    ssd_zoo,
    ssd_rows,
]
