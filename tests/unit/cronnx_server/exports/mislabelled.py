"""Planted exports whose metadata or side files are missing, damaged, or say something else than the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from tests.unit.cronnx_server.exports import planted_detectors as detectors
from tests.unit.cronnx_server.exports import planted_others as others
from tests.unit.cronnx_server.exports.planted import NAMES, Export, hugging_face, network

LABELS = {"labels.txt": "\n".join(NAMES)}
COLOURS = {"labels.txt": others.LABELS}
VALUES = ("--mean", "--std", "--scale", "--bgr")


@dataclass(frozen=True)
class Mislabelled:
    """An export that is not what its files say.

    Attributes:
        name: What is wrong with it.
        make: Makes it; its answer is that of the network as it was trained.
        options: The options of which a refusal or a warning names one; for a damaged file, its name.
    """

    name: str
    make: Callable[[], Export]
    options: tuple[str, ...]


def bare(export: Export, files: Mapping[str, str] | None = None) -> Export:
    """Without metadata, with other files beside it."""
    del export.model.metadata_props[:]
    return replace(export, side_files=files or {})


def without(export: Export, name: str) -> Export:
    """Without one file."""
    return replace(export, side_files={file: text for file, text in export.side_files.items() if file != name})


def with_file(export: Export, name: str, text: str) -> Export:
    """With a file in place of another one of its name."""
    return replace(export, side_files={**export.side_files, name: text})


def with_json(export: Export, name: str, **changes: Any) -> Export:
    """With other entries of a JSON file; None removes one."""
    entries = {**json.loads(export.side_files[name]), **changes}
    return with_file(export, name, json.dumps({key: value for key, value in entries.items() if value is not None}))


def with_metadata(export: Export, **changes: str) -> Export:
    """With other metadata."""
    metadata = {entry.key: entry.value for entry in export.model.metadata_props} | changes
    del export.model.metadata_props[:]
    helper.set_model_props(export.model, metadata)
    return export


def labelled(export: Export, *labels: str) -> Export:
    """With labels.txt."""
    return with_file(export, "labels.txt", "\n".join(labels))


def truncated(export: Export, name: str) -> Export:
    """With a file that ends in its middle."""
    text = export.side_files[name]
    return with_file(export, name, text[: len(text) // 2])


def id2label(*labels: str) -> dict[str, str]:
    """The labels in the form of config.json."""
    return {str(number): label for number, label in enumerate(labels)}


def normalised_in_graph(export: Export) -> Export:
    """With ImageNet's normalisation of values from 0 to 1 in the graph."""
    graph = export.model.graph
    cast = next(node for node in graph.node if node.op_type == "Cast")
    cast.output[0] = "raw"
    for name, value in (("mean", others.IMAGENET_MEAN), ("std", others.IMAGENET_STD)):
        array = np.reshape(np.array(value, np.float32), (3, 1, 1))
        graph.initializer.append(numpy_helper.from_array(array, f"in_graph/{name}"))
    graph.node.insert(1, helper.make_node("Sub", ["raw", "in_graph/mean"], ["centred"]))
    graph.node.insert(2, helper.make_node("Div", ["centred", "in_graph/std"], ["values"]))
    return export


def sigmoid_of_softmax(*, problem_type: str) -> Export:
    """A graph that ends with the other activation than config.json says."""
    softmax = problem_type == "multi_label_classification"
    export = with_json(others.vit(), "config.json", problem_type=problem_type)
    model = others.probe(224, activation="Softmax" if softmax else "Sigmoid")
    pixels = others.stretch(224, 224)
    expected = others.scores(pixels, mean=0.5, std=0.5, sigmoid=not softmax)
    return replace(export, model=model, outputs={"scores": expected})


def vector(width: int, files: Mapping[str, str]) -> Export:
    """One vector of any meaning; no class is right."""
    values = np.random.default_rng(seed=5).normal(size=(1, width)).astype(np.float32)
    model = network({"output": values}, image="input", shape=("batch", 3, 224, 224))
    return Export("vector", model, files, task="", objects=(), outputs={})


def regression(**config: Any) -> Export:
    """One number for each image."""
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}}
    files = hugging_face(
        "ViTForImageClassification", "vit", processor, **{"id2label": {"0": "LABEL_0"}, "num_labels": 1, **config}
    )
    model = network({"logits": np.array([[21.5]], np.float32)}, image="pixel_values", shape=("batch", 3, 224, 224))
    return Export("regression", model, files, task="", objects=(), outputs={})


def keras_rescaled_again() -> Export:
    """A graph that rescales, beside a file that says the same."""
    size = {"height": 160, "width": 160}
    processor = {"image_processor_type": "ViTImageProcessor", "size": size, "do_normalize": False}
    files = {**others.vit().side_files, "preprocessor_config.json": json.dumps(processor)}
    return bare(others.keras(), files)


def unnamed_sides(export: Export) -> Export:
    """With dimensions of the image that say nothing."""
    image = export.model.graph.input[0]
    shape = ["a", "b", "c", "d"]
    image.CopyFrom(helper.make_tensor_value_info(image.name, image.type.tensor_type.elem_type, shape))
    return export


CLASSIFIERS = [
    Mislabelled("vit without any file", lambda: bare(others.vit()), ("--labels",)),
    Mislabelled("vit with labels.txt alone", lambda: bare(others.vit(), COLOURS), ("--mean",)),
    Mislabelled("vit without its processor's file", lambda: without(others.vit(), "preprocessor_config.json"), VALUES),
    Mislabelled(
        "vit, one label less",
        lambda: with_json(others.vit(), "config.json", id2label=id2label(*"abcde")),
        ("--labels",),
    ),
    Mislabelled(
        "vit, one label more",
        lambda: with_json(others.vit(), "config.json", id2label=id2label(*"abcdefg")),
        ("--labels",),
    ),
    Mislabelled(
        "vit with ImageNet's 1001 labels",
        lambda: with_json(others.vit(), "config.json", id2label=id2label(*map(str, range(1001)))),
        ("--labels",),
    ),
    Mislabelled(
        "vit, labels never set",
        lambda: with_json(others.vit(), "config.json", id2label=id2label(*(f"LABEL_{n}" for n in range(6)))),
        ("--labels",),
    ),
    Mislabelled(
        "vit, size 384 in a file, 224 in the graph",
        lambda: with_json(others.vit(), "preprocessor_config.json", size={"height": 384, "width": 384}),
        ("--size",),
    ),
    Mislabelled(
        "vit, mean of values from 0 to 255",
        lambda: with_json(others.vit(), "preprocessor_config.json", image_mean=[127.5] * 3, image_std=[127.5] * 3),
        ("--mean",),
    ),
    Mislabelled(
        "vit, mean of values from 0 to 1 without rescaling",
        lambda: with_json(others.vit(), "preprocessor_config.json", do_rescale=False),
        ("--scale",),
    ),
    Mislabelled("vit, config.json truncated", lambda: truncated(others.vit(), "config.json"), ("config.json",)),
    Mislabelled(
        "vit, preprocessor_config.json truncated",
        lambda: truncated(others.vit(), "preprocessor_config.json"),
        ("preprocessor_config.json",),
    ),
    Mislabelled("vit with dimensions of no name", lambda: unnamed_sides(others.vit()), ("--layout", "--input")),
    Mislabelled(
        "resnet normalised in the graph and in the file", lambda: normalised_in_graph(others.resnet()), ("--mean",)
    ),
    Mislabelled(
        "resnet normalised in the graph, labels.txt alone",
        lambda: bare(normalised_in_graph(others.resnet()), COLOURS),
        ("--resize",),
    ),
    Mislabelled(
        "mobilevit, order of channels not in the file",
        lambda: with_json(others.mobilevit(), "preprocessor_config.json", do_flip_channel_order=None),
        ("--bgr",),
    ),
    Mislabelled(
        "mobilevit marked as RGB",
        lambda: with_json(others.mobilevit(), "preprocessor_config.json", do_flip_channel_order=False),
        ("--bgr",),
    ),
    Mislabelled(
        "deit marked as BGR",
        lambda: with_json(others.deit(), "preprocessor_config.json", do_flip_channel_order=True),
        ("--bgr", "--no-bgr"),
    ),
    Mislabelled("BGR of 0 to 255, unmarked", lambda: bare(others.custom_vision(), COLOURS), ("--bgr",)),
    Mislabelled(
        "uint8 RGB marked as BGR",
        lambda: with_metadata(others.uint8_nhwc(), **{"Image.BitmapPixelFormat": "Bgr8"}),
        ("--bgr", "--no-bgr"),
    ),
    Mislabelled(
        "sigmoid in the graph, softmax in the file",
        lambda: sigmoid_of_softmax(problem_type="single_label_classification"),
        ("--task", "--activation"),
    ),
    Mislabelled(
        "softmax in the graph, sigmoid in the file",
        lambda: sigmoid_of_softmax(problem_type="multi_label_classification"),
        ("--task", "--activation"),
    ),
    Mislabelled(
        "independent labels, unmarked",
        lambda: with_json(others.multi_label(), "config.json", problem_type=None),
        ("--task", "--activation"),
    ),
    Mislabelled(
        "independent labels with labels.txt alone",
        lambda: bare(others.multi_label(), COLOURS),
        ("--activation", "--task"),
    ),
    Mislabelled("a regression, marked", lambda: regression(problem_type="regression"), ("--task",)),
    Mislabelled("a regression, unmarked", regression, ("--raw",)),
    Mislabelled(
        "a regression, its one label set", lambda: regression(id2label={"0": "age"}), ("--task", "--activation")
    ),
    Mislabelled(
        "1001 classes with ImageNet's 1000 labels",
        lambda: replace(vector(1001, {}), options=("--labels", "imagenet")),
        ("--labels",),
    ),
    Mislabelled(
        "keras rescales in the graph and in a file",
        lambda: with_file(
            bare(others.keras(), others.vit().side_files),
            "preprocessor_config.json",
            json.dumps(
                {
                    "image_processor_type": "ViTImageProcessor",
                    "size": {"height": 160, "width": 160},
                    "do_normalize": False,
                }
            ),
        ),
        ("--scale",),
    ),
    Mislabelled("a regression with one label", lambda: bare(regression(), {"labels.txt": "age"}), ("--task",)),
    Mislabelled("features without any file", lambda: vector(512, {}), ("--task",)),
    Mislabelled("features with six labels", lambda: vector(512, COLOURS), ("--labels", "--task")),
    Mislabelled("1000 features without any file", lambda: vector(1000, {}), ("--task", "--labels")),
    Mislabelled(
        "1001 classes with 999 labels",
        lambda: vector(1001, {"labels.txt": "\n".join(map(str, range(999)))}),
        ("--labels",),
    ),
    Mislabelled(
        "timm, one label less",
        lambda: with_json(others.timm(), "config.json", label_names=list("abcde"), label_descriptions=None),
        ("--labels",),
    ),
    Mislabelled("timm without its file", lambda: bare(others.timm(), COLOURS), ("--mean",)),
    Mislabelled(
        "keras, classes counted from 1",
        lambda: with_file(
            others.keras(), "class_indices.json", json.dumps({name: n + 1 for n, name in enumerate(others.COLOURS)})
        ),
        ("class_indices.json",),
    ),
    Mislabelled(
        "keras, classes the other way round",
        lambda: with_file(others.keras(), "class_indices.json", json.dumps(dict(enumerate(others.COLOURS)))),
        ("class_indices.json",),
    ),
    Mislabelled(
        "keras read as NCHW",
        lambda: replace(others.keras(), options=(*others.keras().options, "--layout", "NCHW")),
        ("--layout",),
    ),
    Mislabelled(
        "mmpretrain, pipeline.json truncated",
        lambda: truncated(others.mmpretrain(), "pipeline.json"),
        ("pipeline.json",),
    ),
    Mislabelled("mmpretrain without pipeline.json", lambda: without(others.mmpretrain(), "pipeline.json"), ("--mean",)),
    Mislabelled(
        "mmpretrain marked as BGR",
        lambda: with_file(
            others.mmpretrain(),
            "pipeline.json",
            others.mmpretrain().side_files["pipeline.json"].replace("true", "false"),
        ),
        ("--bgr", "--no-bgr"),
    ),
    Mislabelled("ultralytics_classify, unmarked", lambda: bare(others.ultralytics_classify(), COLOURS), ("--mean",)),
]
DETECTORS = [
    Mislabelled("ultralytics without metadata", lambda: bare(detectors.ultralytics()), ("--labels",)),
    Mislabelled("ultralytics with labels.txt alone", lambda: bare(detectors.ultralytics(), LABELS), VALUES),
    Mislabelled(
        "ultralytics, one label less",
        lambda: with_metadata(detectors.ultralytics(), names="{0: 'cup', 1: 'spoon'}"),
        ("--labels", "--task"),
    ),
    Mislabelled(
        "ultralytics, one label more",
        lambda: with_metadata(detectors.ultralytics(), names=str(dict(enumerate((*NAMES, "fork"))))),
        ("--labels",),
    ),
    Mislabelled(
        "ultralytics, imgsz 320 in metadata, 640 in the graph",
        lambda: with_metadata(detectors.ultralytics(), imgsz="[320, 320]"),
        ("--size",),
    ),
    Mislabelled(
        "ultralytics, height and width swapped",
        lambda: with_metadata(detectors.ultralytics(), imgsz="[480, 640]"),
        ("--size",),
    ),
    Mislabelled(
        "ultralytics marked as segmentation",
        lambda: with_metadata(detectors.ultralytics(), task="segment"),
        ("--task",),
    ),
    Mislabelled(
        "ultralytics marked as classifier", lambda: with_metadata(detectors.ultralytics(), task="classify"), ("--task",)
    ),
    Mislabelled(
        "ultralytics marked as pose",
        lambda: with_metadata(detectors.ultralytics(), task="pose"),
        ("--task", "--keypoint-shape"),
    ),
    Mislabelled(
        "ultralytics, names no dictionary",
        lambda: with_metadata(detectors.ultralytics(), names="{0: 'cup', 1: "),
        ("names",),
    ),
    Mislabelled(
        "ultralytics marked as end to end",
        lambda: with_metadata(detectors.ultralytics(), end2end="True"),
        ("--format",),
    ),
    Mislabelled("end to end, unmarked", lambda: bare(detectors.ultralytics_end2end(), LABELS), VALUES),
    Mislabelled(
        "end to end marked as raw",
        lambda: with_metadata(detectors.ultralytics_end2end(), end2end="False"),
        ("--format",),
    ),
    Mislabelled("oriented boxes, unmarked", lambda: bare(detectors.ultralytics_obb(), LABELS), ("--task",)),
    Mislabelled(
        "pose, unmarked", lambda: bare(detectors.ultralytics_pose(), {"labels.txt": "cup"}), ("--task", "--labels")
    ),
    Mislabelled(
        "rt_detr with DETR's config.json",
        lambda: with_file(detectors.rt_detr(), "config.json", detectors.detr().side_files["config.json"]),
        ("--format", "--labels"),
    ),
    Mislabelled(
        "detr with RT-DETR's config.json",
        lambda: with_file(detectors.detr(), "config.json", detectors.rt_detr().side_files["config.json"]),
        ("--format", "--labels"),
    ),
    Mislabelled("detr with labels.txt alone", lambda: bare(detectors.detr(), LABELS), ("--mean",)),
    Mislabelled(
        "yolov5, one label more",
        lambda: with_metadata(detectors.yolov5(), names=str(dict(enumerate((*NAMES, "fork"))))),
        ("--labels",),
    ),
    Mislabelled("yolox, unmarked", lambda: replace(detectors.yolox(), options=()), VALUES),
    Mislabelled("yolov7 in rows, one label less", lambda: labelled(detectors.yolov7_rows(), *NAMES[:2]), ("--labels",)),
    Mislabelled("mmdeploy, one label less", lambda: labelled(detectors.mmdeploy(), *NAMES[:2]), ("--labels",)),
    Mislabelled(
        "mmdeploy, a background too much",
        lambda: labelled(detectors.mmdeploy(), "background", *NAMES),
        ("--first-class", "--labels"),
    ),
    Mislabelled(
        "mmdeploy, deploy.json truncated", lambda: truncated(detectors.mmdeploy(), "deploy.json"), ("deploy.json",)
    ),
    Mislabelled(
        "paddle, infer_cfg.yml truncated",
        lambda: truncated(detectors.paddle(), "infer_cfg.yml"),
        ("infer_cfg.yml", "--labels"),
    ),
    Mislabelled("paddle without infer_cfg.yml", lambda: bare(detectors.paddle(), LABELS), ("--mean",)),
    Mislabelled(
        "torchvision, labels without the background",
        lambda: labelled(detectors.torchvision(), *NAMES),
        ("--first-class",),
    ),
    Mislabelled(
        "tensorflow, labels with the background",
        lambda: labelled(detectors.tensorflow(), "background", *NAMES),
        ("--first-class",),
    ),
    Mislabelled("tensorflow, one label less", lambda: labelled(detectors.tensorflow(), *NAMES[:2]), ("--labels",)),
    Mislabelled(
        "ultraface, labels without the background", lambda: labelled(detectors.ultraface(), "face"), ("--labels",)
    ),
]


def fractions(export: Export) -> Export:
    """With boxes in fractions of the network's image, as TensorFlow Lite's exports of Ultralytics have them."""
    planted = export.model.graph.initializer[2]
    values = numpy_helper.to_array(planted).copy()
    values[:, :4] /= 640
    planted.CopyFrom(numpy_helper.from_array(values, planted.name))
    return export


def relative_to_anchors() -> Export:
    """SSD before its decoding: what looks like corners is an offset from an anchor."""
    offsets = np.random.default_rng(seed=3).normal(size=(1, 8732, 4)).astype(np.float32)
    scores = np.full((1, 8732, 3), 0.3, np.float32)
    model = network({"loc": offsets, "conf": scores}, shape=(1, 3, 300, 300))
    return Export("relative_to_anchors", model, LABELS)


UNDECODED = [
    Mislabelled("ultralytics with fractions", lambda: fractions(detectors.ultralytics()), ("--format",)),
    Mislabelled("boxes relative to anchors", relative_to_anchors, ("--format",)),
    Mislabelled(
        "ultralytics_transposed without labels",
        lambda: replace(detectors.ultralytics_transposed(), side_files={}, options=("--labels", "numbers")),
        ("--format",),
    ),
    Mislabelled(
        "image to image with numbered classes",
        lambda: replace(others.super_resolution(), options=("--labels", "numbers")),
        ("--task",),
    ),
]
OTHERS = [
    Mislabelled(
        "segformer, one label less",
        lambda: with_json(others.segformer(), "config.json", id2label=id2label("road", "car")),
        ("--labels",),
    ),
    Mislabelled(
        "segformer, one label more",
        lambda: with_json(others.segformer(), "config.json", id2label=id2label(*others.CLASSES, "sea")),
        ("--labels",),
    ),
    Mislabelled(
        "segformer with labels.txt alone",
        lambda: bare(others.segformer(), {"labels.txt": "\n".join(others.CLASSES)}),
        ("--mean",),
    ),
    Mislabelled("mmseg, one label less", lambda: labelled(others.mmseg(), "road", "car"), ("--labels",)),
    Mislabelled("dino without its files", lambda: bare(others.dino()), ("--mean",)),
    Mislabelled("dino with labels", lambda: bare(others.dino(), LABELS), ("--mean",)),
    Mislabelled("dpt without its files", lambda: bare(others.dpt()), ("--mean",)),
    Mislabelled("ultralytics_depth, unmarked", lambda: bare(others.ultralytics_depth()), ("--task",)),
    Mislabelled(
        "ultralytics_semantic marked as depth",
        lambda: with_metadata(others.ultralytics_semantic(), task="depth"),
        ("--task",),
    ),
]
EVERY = [*CLASSIFIERS, *DETECTORS, *UNDECODED, *OTHERS]
