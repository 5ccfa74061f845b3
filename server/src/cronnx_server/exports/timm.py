"""The `config.json` of a timm model.

Source: timm 1.0.31, `data/config.py`, `data/transforms_factory.py`.
"""

from __future__ import annotations

import math

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.label_sets import IMAGENET_CLASSES, imagenet
from cronnx_server.exports.labels import named, numbered
from cronnx_server.exports.side_files import Entries
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
CROP_MODES = ("center", "squash", "border")
DEFAULT_CROP_PCT = 0.875


def read(source: Source, facts: Facts) -> bool:
    """Add what a timm model's `config.json` says.

    Returns:
        Whether timm wrote it.

    Raises:
        ModelFileError: The file is damaged, or says what this project cannot do.
    """
    config = source.entries("config.json")
    if config is None:
        return False
    pretrained = config.entries("pretrained_cfg")
    if pretrained is None and ("model_type" in config or not {"architecture", "input_size"} <= set(config)):
        return False
    pretrained = pretrained or config  # older files have no level of their own
    _add_task(config, pretrained, facts)
    _add_labels(config, pretrained, facts)
    _add_geometry(source, pretrained, facts)
    _add_resample(pretrained, facts)
    _add_values(pretrained, facts)
    return True


def _add_task(config: Entries, pretrained: Entries, facts: Facts) -> None:
    entries = config if "num_classes" in config else pretrained
    classes, where = entries.count("num_classes"), entries.where("num_classes")
    # The wrapper of Transformers: without a head where its class is a plain model.
    if classes == 0 or config.get("architectures") == ["TimmWrapperModel"]:
        facts.add("task", Task.EMBEDDING.value, where)
    elif classes is not None:
        facts.add("task", Task.CLASSIFICATION.value, where)
        facts.add("activation", "softmax", where)


def _add_labels(config: Entries, pretrained: Entries, facts: Facts) -> None:
    if "labels" in facts:
        return
    for entries in (config, pretrained):
        if "label_names" in entries:
            facts.add("labels", _described(entries), entries.where("label_names"))
    if isinstance(config.get("id2label"), dict):
        facts.add("labels", numbered(config["id2label"], config.where("id2label")), config.where("id2label"))
    tag = str(pretrained.get("tag", ""))
    classes = config.count("num_classes") or pretrained.count("num_classes")
    if tag.endswith("in1k") and classes == IMAGENET_CLASSES:
        facts.add("labels", imagenet(), pretrained.where("tag"))


def _described(entries: Entries) -> list[str]:
    names, where = entries["label_names"], entries.where("label_names")
    labels = numbered(names, where) if isinstance(names, dict) else named(_list(entries, "label_names"), where)
    descriptions = entries.get("label_descriptions")
    if isinstance(descriptions, list) and len(descriptions) == len(labels):
        return named(descriptions, entries.where("label_descriptions"))
    known = entries.entries("label_descriptions") if isinstance(descriptions, dict) else None
    return [(known.text(label) if known else None) or label for label in labels]


def _list(entries: Entries, key: str) -> list[object]:
    values = entries[key]
    if not isinstance(values, list):
        raise entries.error(key, "a list")
    return values


def _add_geometry(source: Source, pretrained: Entries, facts: Facts) -> None:
    sides = pretrained.numbers("input_size", 3)
    if sides is None or min(sides) < 1 or "resize" in facts:
        return
    size, where = (int(sides[1]), int(sides[2])), pretrained.where("input_size")
    fraction_key = "crop_pct"
    if exported := _exported_size(source):
        tested = pretrained.numbers("test_input_size", 3)
        if tested and exported == tested[1:] and exported != size:
            fraction_key = "test_crop_pct" if "test_crop_pct" in pretrained else "crop_pct"
        size, where = exported, where if exported == size else "graph"
    mode = pretrained.text("crop_mode") or "center"
    resized = _before_crop(pretrained, fraction_key, size)
    if mode not in CROP_MODES:
        facts.refuse("resize", f"expected one of {', '.join(CROP_MODES)}, got {mode!r}", pretrained.where("crop_mode"))
        return
    if mode == "center" and resized[0] != resized[1]:
        facts.refuse("resize", f"expected a square, got {size[0]} x {size[1]}, which is cropped", where)
        return
    where_mode = pretrained.where("crop_mode") if "crop_mode" in pretrained else "config.json, timm's default crop_mode"
    facts.add("size", size, where)
    facts.add("resize", {"center": "shortest_edge", "squash": "exact", "border": "letterbox"}[mode], where_mode)
    facts.add("resize_size", resized, pretrained.where(fraction_key))
    facts.add("position", "centre", where_mode)
    facts.add("rounding", "round", where_mode)
    facts.add("fill", _fill(pretrained) if mode == "border" else (0, 0, 0), where_mode)


def _before_crop(pretrained: Entries, key: str, size: tuple[int, int]) -> tuple[int, int]:
    fraction = pretrained.number(key) or DEFAULT_CROP_PCT
    if fraction < 0:
        raise pretrained.error(key, "a number above 0")
    return math.floor(size[0] / fraction), math.floor(size[1] / fraction)


def _fill(pretrained: Entries) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in pretrained.numbers("mean", 3) or IMAGENET_MEAN)


def _exported_size(source: Source) -> tuple[int, int] | None:
    """The size of the network's images where the graph fixes it."""
    dims = source.model.graph.input[0].type.tensor_type.shape.dim if source.model.graph.input else []
    sides = tuple(dim.dim_value for dim in dims[2:4])
    return (sides[0], sides[1]) if len(dims) == 4 and all(side > 0 for side in sides) else None


def _add_resample(pretrained: Entries, facts: Facts) -> None:
    name, where = pretrained.text("interpolation") or "bicubic", pretrained.where("interpolation")
    if name not in INTERPOLATIONS:
        facts.refuse("resample", f"expected one of {', '.join(INTERPOLATIONS)}, got {name!r}", where)
    facts.add("resample", name, where)
    facts.add("antialias", True, where)


def _add_values(pretrained: Entries, facts: Facts) -> None:
    facts.add("channel_order", "RGB", "config.json, as all timm models")
    facts.add("scale", 1 / 255, "config.json, as all timm models")
    facts.add("mean", pretrained.numbers("mean", 3) or IMAGENET_MEAN, pretrained.where("mean"))
    std = pretrained.numbers("std", 3) or IMAGENET_STD
    if min(std) <= 0:
        raise pretrained.error("std", "numbers above 0")
    facts.add("std", std, pretrained.where("std"))
