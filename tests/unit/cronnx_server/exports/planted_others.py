"""Classifiers, segmenters, embedders and depth estimators with a known answer, as their exporters write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from cronnx_server.paths import PICTURES
from tests.unit.cronnx_server.exports.planted import Array, Export, hugging_face, network, ultralytics_metadata

PHOTOGRAPH = PICTURES / "coffee.jpg"
COLOURS = ("red left", "green left", "blue left", "red right", "green right", "blue right")
LABELS = "\n".join(COLOURS)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHARPNESS = 4.0


def photograph() -> Image.Image:
    """The photograph, RGB."""
    return Image.open(BytesIO(PHOTOGRAPH.read_bytes())).convert("RGB")


def stretch(height: int, width: int, resample: int = Image.Resampling.BILINEAR) -> Array:
    """Resize to a size: UINT8 [height, width, 3]."""
    return np.asarray(photograph().resize((width, height), resample))


def cover(shorter: int, size: int, resample: int, *, offset: Callable[[float], int] = int) -> Array:
    """Resize the shorter side and cut out the centre: UINT8 [size, size, 3]."""
    image = photograph()
    width, height = image.size
    resized = (shorter, int(shorter * height / width)) if width < height else (int(shorter * width / height), shorter)
    image = image.resize(resized, resample)
    left, top = (offset((side - size) / 2) for side in resized)
    return np.asarray(image.crop((left, top, left + size, top + size)))  # crop fills with black outside


def scores(
    pixels: Array,
    *,
    scale: float = 1 / 255,
    mean: float | Sequence[float] = 0,
    std: float | Sequence[float] = 1,
    bgr: bool = False,
    sigmoid: bool = False,
) -> Array:
    """What the probe answers: FP32 [6]."""
    values = pixels.astype(np.float64)[..., ::-1] if bgr else pixels.astype(np.float64)
    values = (values * scale - np.asarray(mean)) / np.asarray(std)
    half = values.shape[1] // 2
    logits = SHARPNESS * np.concatenate([values[:, :half].mean(axis=(0, 1)), values[:, half:].mean(axis=(0, 1))])
    if sigmoid:
        return 1 / (1 + np.exp(-logits))
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def probe(
    size: int,
    *,
    image: str = "pixel_values",
    output: str = "logits",
    nhwc: bool = False,
    gain: float = 1.0,
    activation: str = "",
    image_type: int = TensorProto.FLOAT,
    batch: int | str = "batch",
    metadata: Mapping[str, str] | None = None,
    producer: str = "pytorch",
) -> onnx.ModelProto:
    """A network whose logits are the mean of every channel of the left and of the right half.

    It tells every normalisation, channel order and crop from every other.
    """
    height_axis, width_axis = (1, 2) if nhwc else (2, 3)
    half = size // 2
    constants = {
        "half": np.array([half], np.int64),
        "zero": np.array([0], np.int64),
        "end": np.array([size], np.int64),
        "width_axis": np.array([width_axis], np.int64),
        "sharpness": np.array(SHARPNESS * gain, np.float32),
    }
    last = f"{output}/scores" if activation else output
    nodes = [
        helper.make_node("Cast", [image], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["values", "zero", "half", "width_axis"], ["left"]),
        helper.make_node("Slice", ["values", "half", "end", "width_axis"], ["right"]),
        helper.make_node("ReduceMean", ["left"], ["left_mean"], axes=[height_axis, width_axis], keepdims=0),
        helper.make_node("ReduceMean", ["right"], ["right_mean"], axes=[height_axis, width_axis], keepdims=0),
        helper.make_node("Concat", ["left_mean", "right_mean"], ["means"], axis=1),
        helper.make_node("Mul", ["means", "sharpness"], [last]),
    ]
    if activation:
        nodes.append(helper.make_node(activation, [last], [output]))
    shape = [batch, size, size, 3] if nhwc else [batch, 3, size, size]
    graph = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info(image, image_type, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.producer_name = producer
    helper.set_model_props(model, dict(metadata or {}))
    return model


def _classifier(name: str, model: onnx.ModelProto, expected: Array, *more: Any, task: str = "classification") -> Export:
    return Export(name, model, *more, task=task, objects=(), outputs={"scores": expected})


def _hugging_face(architecture: str, model_type: str, processor: Mapping[str, Any], **config: Any) -> dict[str, str]:
    labels = {str(index): name for index, name in enumerate(COLOURS)}
    return hugging_face(architecture, model_type, processor, **{"id2label": labels, **config})


def vit() -> Export:
    """Nothing but the class of its processor: every default is the library's."""
    files = _hugging_face("ViTForImageClassification", "vit", {"feature_extractor_type": "ViTFeatureExtractor"})
    return _classifier("vit", probe(224), scores(stretch(224, 224), mean=0.5, std=0.5), files)


def resnet() -> Export:
    processor = {"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875, "size": {"shortest_edge": 224}}
    processor |= {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD, "resample": 3}
    pixels = cover(256, 224, Image.Resampling.BICUBIC)
    expected = scores(pixels, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    files = _hugging_face("ResNetForImageClassification", "resnet", processor)
    return _classifier("resnet", probe(224), expected, files)


def deit() -> Export:
    """The crop is smaller than the resize; numbers are in the file."""
    processor = {
        "image_processor_type": "DeiTImageProcessorFast",
        "size": {"height": 256, "width": 256},
        "crop_size": {"height": 224, "width": 224},
        "do_center_crop": True,
        "resample": 3,
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    }
    pixels = stretch(256, 256, Image.Resampling.BICUBIC)[16:240, 16:240]
    expected = scores(pixels, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return _classifier("deit", probe(224), expected, _hugging_face("DeiTForImageClassification", "deit", processor))


def mobilevit() -> Export:
    """Blue first, and not normalised."""
    processor = {
        "image_processor_type": "MobileViTImageProcessor",
        "size": {"shortest_edge": 288},
        "crop_size": {"height": 256, "width": 256},
        "do_center_crop": True,
        "do_flip_channel_order": True,
        "resample": 3,
    }
    expected = scores(cover(288, 256, Image.Resampling.BICUBIC), bgr=True)
    files = _hugging_face("MobileViTForImageClassification", "mobilevit", processor)
    return _classifier("mobilevit", probe(256), expected, files)


def multi_label() -> Export:
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}}
    files = _hugging_face("ViTForImageClassification", "vit", processor, problem_type="multi_label_classification")
    expected = scores(stretch(224, 224), mean=0.5, std=0.5, sigmoid=True)
    return _classifier("multi_label", probe(224), expected, files, task="multi_label")


def timm() -> Export:
    """Timm's file in the hub: squash keeps no aspect ratio."""
    pretrained = {
        "input_size": [3, 224, 224],
        "interpolation": "bicubic",
        "crop_pct": 0.9,
        "crop_mode": "squash",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "num_classes": 6,
    }
    names = {name: name for name in COLOURS}
    config = {
        "architecture": "vit_small_patch16_224",
        "num_classes": 6,
        "pretrained_cfg": pretrained,
        "label_names": list(COLOURS),
        "label_descriptions": names,
    }
    resized = stretch(248, 248, Image.Resampling.BICUBIC)[12:236, 12:236]
    expected = scores(resized, mean=0.5, std=0.5)
    model = probe(224, image="input0", output="output0")
    return _classifier("timm", model, expected, {"config.json": json.dumps(config)})


def ultralytics_classify() -> Export:
    metadata = ultralytics_metadata("classify", size=224)
    metadata["names"] = str(dict(enumerate(COLOURS)))
    model = probe(224, image="images", output="output0", activation="Softmax", batch=1, metadata=metadata)
    return _classifier("ultralytics_classify", model, scores(cover(224, 224, Image.Resampling.BILINEAR, offset=round)))


def keras() -> Export:
    """A leading Rescaling, so that the file takes 0 to 255; a directory's classes as Keras writes them."""
    model = probe(160, image="input_1", output="dense", nhwc=True, activation="Softmax", producer="tf2onnx")
    cast = next(node for node in model.graph.node if node.op_type == "Cast")
    cast.output[0] = "bytes"
    model.graph.node.insert(1, helper.make_node("Mul", ["bytes", "rescale"], ["values"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 / 127.5, np.float32), "rescale"))
    files = {"class_indices.json": json.dumps({name: index for index, name in enumerate(COLOURS)})}
    expected = scores(stretch(160, 160, Image.Resampling.NEAREST), scale=1 / 127.5)
    return _classifier("keras", model, expected, files, ("--resize", "exact", "--resample", "nearest"))


def custom_vision() -> Export:
    metadata = {"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}
    model = probe(224, image="data", output="model_output", gain=1 / 255, metadata=metadata)
    expected = scores(stretch(224, 224), bgr=True)
    return _classifier("custom_vision", model, expected, {"labels.txt": LABELS}, ("--resize", "exact"))


def uint8_nhwc() -> Export:
    model = probe(
        224,
        image="image",
        output="probabilities",
        nhwc=True,
        gain=1 / 255,
        activation="Softmax",
        image_type=TensorProto.UINT8,
    )
    expected = scores(cover(256, 224, Image.Resampling.BILINEAR, offset=round))
    return _classifier("uint8_nhwc", model, expected, {"labels.txt": LABELS})


def mmpretrain() -> Export:
    transforms = [
        {"type": "LoadImageFromFile"},
        {"type": "ResizeEdge", "scale": 256, "edge": "short"},
        {"type": "CenterCrop", "crop_size": 224},
        {"type": "Normalize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True},
    ]
    task = {"name": "Preprocess", "type": "pre", "module": "Transform", "input": ["img"], "transforms": transforms}
    files = {
        "deploy.json": json.dumps({"version": "1.3.1", "task": "Classification", "codebase": "mmpretrain"}),
        "pipeline.json": json.dumps({"pipeline": {"tasks": [task]}}),
        "labels.txt": LABELS,
    }
    expected = scores(cover(256, 224, Image.Resampling.BILINEAR), mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return _classifier("mmpretrain", probe(224, image="input", output="output", activation="Softmax"), expected, files)


CLASSES = ("road", "car", "sky")


def _quadrants(height: int, width: int) -> Array:
    """Class 0 with class 1 in the lower right quarter and class 2 in the upper left: INT64 [height, width]."""
    classes = np.zeros((height, width), np.int64)
    classes[height // 2 :, width // 2 :] = 1
    classes[: height // 2, : width // 2] = 2
    return classes


def _class_logits(height: int, width: int) -> Array:
    return np.moveaxis(np.eye(3, dtype=np.float32)[_quadrants(height, width)] * 5, -1, 0)[None]


def _segmenter(name: str, model: onnx.ModelProto, files: Mapping[str, str], options: tuple[str, ...] = ()) -> Export:
    expected = _quadrants(400, 600)
    return Export(
        name, model, files, options, task="semantic_segmentation", objects=(), outputs={"class_map": expected}
    )


def segformer() -> Export:
    processor = {
        "image_processor_type": "SegformerImageProcessor",
        "size": {"height": 512, "width": 512},
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
        "do_reduce_labels": True,
    }
    files = hugging_face("SegformerForSemanticSegmentation", "segformer", processor, id2label=dict(enumerate(CLASSES)))
    model = network({"logits": _class_logits(128, 128)}, image="pixel_values", shape=("batch", 3, 512, 512))
    return _segmenter("segformer", model, files)


def deeplab() -> Export:
    """Torchvision's dictionary of two outputs, of which `aux` is not the answer."""
    outputs = {"out": _class_logits(520, 520), "aux": _class_logits(520, 520)[:, ::-1].copy()}
    model = network(outputs, image="input", shape=("batch", 3, 520, 520))
    options = ("--resize", "exact", "--mean", "0.485", "0.456", "0.406", "--std", "0.229", "0.224", "0.225")
    return _segmenter(
        "deeplab", model, {"labels.txt": "\n".join(CLASSES)}, ("--task", "semantic_segmentation", *options)
    )


def ultralytics_semantic() -> Export:
    """A class map on the letterboxed canvas."""
    canvas = np.zeros((1, 640, 640), np.uint8)
    canvas[0, 106 : 106 + 427] = _quadrants(427, 640)
    metadata = ultralytics_metadata("semantic")
    metadata["names"] = str(dict(enumerate(CLASSES)))
    return _segmenter(
        "ultralytics_semantic", network({"output0": canvas}, shape=(1, 3, 640, 640), metadata=metadata), {}
    )


def mmseg() -> Export:
    transforms = [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "keep_ratio": False, "size": [512, 512]},
        {"type": "Normalize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True},
    ]
    task = {"name": "Preprocess", "type": "pre", "module": "Transform", "input": ["img"], "transforms": transforms}
    files = {
        "deploy.json": json.dumps({"version": "1.3.1", "task": "Segmentor", "codebase": "mmseg"}),
        "pipeline.json": json.dumps({"pipeline": {"tasks": [task]}}),
        "labels.txt": "\n".join(CLASSES),
    }
    classes = _quadrants(512, 512)[None, None]
    return _segmenter("mmseg", network({"output": classes}, image="input", shape=(1, 3, 512, 512)), files)


def _embedder(name: str, model: onnx.ModelProto, vector: Array, *more: Any) -> Export:
    expected = vector / np.linalg.norm(vector)
    return Export(name, model, *more, task="embedding", objects=(), outputs={"embedding": expected})


def dino() -> Export:
    """The class token comes first; there is no pooled output."""
    tokens = np.random.default_rng(seed=1).normal(size=(1, 257, 32)).astype(np.float32)
    processor = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "do_center_crop": True}
    processor |= {"crop_size": {"height": 224, "width": 224}, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
    files = hugging_face("Dinov2Model", "dinov2", processor)
    model = network({"last_hidden_state": tokens}, image="pixel_values", shape=("batch_size", 3, 224, 224))
    return _embedder("dino", model, tokens[0, 0], files)


def siglip() -> Export:
    vector = np.random.default_rng(seed=2).normal(size=(1, 48)).astype(np.float32)
    hidden = np.zeros((1, 196, 48), np.float32)
    processor = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 224, "width": 224}}
    files = hugging_face("SiglipVisionModel", "siglip_vision_model", processor)
    outputs = {"last_hidden_state": hidden, "pooler_output": vector}
    model = network(outputs, image="pixel_values", shape=("batch_size", 3, 224, 224))
    return _embedder("siglip", model, vector[0], files)


def copy_detection() -> Export:
    """SSCD-like: one vector, and nothing that says so."""
    vector = np.random.default_rng(seed=3).normal(size=(1, 512)).astype(np.float32)
    model = network({"embedding": vector}, image="input", shape=("batch", 3, 288, 288))
    options = ("--task", "embedding", "--resize", "exact", "--mean", "0.485", "0.456", "0.406")
    return _embedder("copy_detection", model, vector[0], {}, (*options, "--std", "0.229", "0.224", "0.225"))


def _ramp(height: int, width: int) -> Array:
    """Depth that grows to the right: FP32 [height, width]."""
    return np.broadcast_to(np.linspace(1, 5, width, dtype=np.float32), (height, width)).copy()


def _estimator(name: str, model: onnx.ModelProto, *more: Any) -> Export:
    return Export(name, model, *more, task="depth", objects=(), outputs={"depth": _ramp(400, 600)})


def dpt() -> Export:
    processor = {"image_processor_type": "DPTImageProcessor", "size": {"height": 384, "width": 384}}
    processor |= {"keep_aspect_ratio": False, "ensure_multiple_of": 1, "resample": 3}
    outputs = {"predicted_depth": _ramp(384, 384)[None]}
    model = network(outputs, image="pixel_values", shape=("batch_size", 3, 384, 384))
    return _estimator("dpt", model, hugging_face("DPTForDepthEstimation", "dpt", processor))


def ultralytics_depth() -> Export:
    """Stretched, not letterboxed."""
    model = network(
        {"output0": _ramp(640, 640)[None, None]}, shape=(1, 3, 640, 640), metadata=ultralytics_metadata("depth")
    )
    return _estimator("ultralytics_depth", model)


CLASSIFIERS = [
    vit,
    resnet,
    deit,
    mobilevit,
    multi_label,
    timm,
    ultralytics_classify,
    keras,
    custom_vision,
    uint8_nhwc,
    mmpretrain,
]
OTHERS = [
    segformer,
    deeplab,
    ultralytics_semantic,
    mmseg,
    dino,
    siglip,
    copy_detection,
    dpt,
    ultralytics_depth,
]


def _noise(*shape: int) -> Array:
    return np.random.default_rng(seed=7).normal(size=shape).astype(np.float32)


def _unsupported(name: str, outputs: Mapping[str, Array], *more: Any, size: int = 224, **options: Any) -> Export:
    model = network(outputs, image="pixel_values", shape=("batch", 3, size, size), **options)
    return Export(name, model, *more, task="", objects=())


def pose_heatmaps() -> Export:
    """Top-down: it takes the crop of one person."""
    files = hugging_face("VitPoseForPoseEstimation", "vitpose", {"image_processor_type": "VitPoseImageProcessor"})
    return _unsupported("pose_heatmaps", {"heatmaps": _noise(1, 17, 56, 56)}, files)


def panoptic() -> Export:
    outputs = {"class_queries_logits": _noise(1, 100, 4), "masks_queries_logits": _noise(1, 100, 96, 96)}
    processor = {"image_processor_type": "Mask2FormerImageProcessor", "size": {"height": 384, "width": 384}}
    files = hugging_face("Mask2FormerForUniversalSegmentation", "mask2former", processor)
    return _unsupported("panoptic", outputs, files, size=384)


def image_and_text() -> Export:
    """CLIP in one file, which takes text as well."""
    inputs = {"input_ids": (TensorProto.INT64, ["text_batch", "tokens"])}
    outputs = {"logits_per_image": _noise(1, 1), "image_embeds": _noise(1, 32)}
    files = hugging_face("CLIPModel", "clip", {"image_processor_type": "CLIPImageProcessor"})
    return _unsupported("image_and_text", outputs, files, extra_inputs=inputs)


def text_recognition() -> Export:
    return _unsupported("text_recognition", {"softmax_11.tmp_0": _noise(1, 40, 97)})


def super_resolution() -> Export:
    return _unsupported("super_resolution", {"output": _noise(1, 3, 224, 224)})


def recognised_text() -> Export:
    """A softmax over characters in each place, which could pass for the scores of queries."""
    scores_of_characters = np.exp(_noise(1, 80, 97))
    return _unsupported("recognised_text", {"output": scores_of_characters / scores_of_characters.sum(-1)[..., None]})


def tokens() -> Export:
    """The features of patches: no depth of as many pixels."""
    return _unsupported("tokens", {"output": _noise(1, 197, 768)})


def sets_of_boxes() -> Export:
    """Azure AutoML's detector, exported for a batch of 2."""
    outputs = {
        f"{name}_{image}": values
        for image in range(2)
        for name, values in {
            "boxes": np.array([[10, 10, 50, 60], [20, 80, 90, 120]], np.float32),
            "labels": np.array([1, 2], np.int64),
            "scores": np.array([0.9, 0.6], np.float32),
        }.items()
    }
    dims = {name: ["n", *values.shape[1:]] for name, values in outputs.items()}
    model = network(outputs, image="input1", shape=(2, 3, 224, 224), dims=dims)
    return Export("sets_of_boxes", model, {"labels.json": json.dumps(["--bg--", "cup", "table"])}, objects=())


def landmarks() -> Export:
    return _unsupported("landmarks", {"output": _noise(1, 136)})


def age() -> Export:
    return _unsupported("age", {"output": np.array([[31.5]], np.float32)})


UNSUPPORTED = [
    pose_heatmaps,
    panoptic,
    image_and_text,
    text_recognition,
    recognised_text,
    tokens,
    sets_of_boxes,
    super_resolution,
    landmarks,
    age,
]
"""Exports of tasks that have no answer here."""
