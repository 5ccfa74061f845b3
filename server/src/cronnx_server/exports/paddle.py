"""The files of PaddleDetection and PaddleClas: `infer_cfg.yml`, `inference.yml`.

Source: PaddlePaddle/PaddleDetection, `deploy/python/preprocess.py`; PaddlePaddle/PaddleClas,
`deploy/python/preprocess.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.labels import named, numbered
from cronnx_server.exports.side_files import Entries, is_number
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

FILES = ("infer_cfg.yml", "inference.yml")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", None, "lanczos")  # in the order of OpenCV's numbers
NO_CHANGE = {"DecodeImage", "Permute", "ToCHWImage", "KeepKeys"}
FRACTIONS = ("1.0/255.0", "1/255", "1./255.", "1.0/255", "1/255.0")


def read(source: Source, facts: Facts) -> bool:
    """Add what Paddle's files say.

    Returns:
        Whether Paddle wrote the model.

    Raises:
        ModelFileError: A file is damaged, or says what this project cannot do.
    """
    file = next(filter(None, map(source.entries, FILES)), None)
    if file is None:
        return False
    if "PreProcess" in file:
        _add_classifier(file, facts)
    elif "Preprocess" in file:
        _add_detector(file, facts)
    return True


def _add_detector(file: Entries, facts: Facts) -> None:
    facts.add("task", Task.DETECTION.value, file.where("arch"))
    facts.add("confidence", file.number("draw_threshold"), file.where("draw_threshold"))
    if "label_list" in file:
        facts.add("labels", _labels(file, "label_list"), file.where("label_list"))
    _add_steps(file.items_of("Preprocess"), facts)


def _add_classifier(file: Entries, facts: Facts) -> None:
    facts.add("task", Task.CLASSIFICATION.value, file.where("PreProcess"))
    top = (file.entries("PostProcess") or Entries({}, file.where("PostProcess"))).entries("Topk")
    if top is not None and "label_list" in top:
        facts.add("labels", _labels(top, "label_list"), top.where("label_list"))
    nested = file.entries("PreProcess")
    steps = nested.items_of("transform_ops") if nested else []
    _add_steps([_typed(step) for step in steps], facts)


def _typed(step: Entries) -> Entries:
    """A step of PaddleClas, `{Name: {…}}`, in the form of PaddleDetection, `{type: Name, …}`."""
    name = next(iter(step), "")
    return Entries({**(step.entries(name) or {}), "type": name}, step.where(name))


def _labels(entries: Entries, key: str) -> list[str]:
    labels, where = entries[key], entries.where(key)
    if isinstance(labels, dict):
        return numbered(labels, where)
    if not isinstance(labels, list):
        raise entries.error(key, "a list")
    return named([str(label) if is_number(label) else label for label in labels], where)


def _add_steps(steps: Sequence[Entries], facts: Facts) -> None:
    by_type = {step.text("type") or "": step for step in steps}
    for kind, step in by_type.items():
        if kind == "Resize":
            _add_resize(step, facts)
        elif kind == "LetterBoxResize":
            _add_letterbox(step, facts)
        elif kind == "ResizeImage":
            _add_resize_image(step, facts)
        elif kind == "CropImage":
            facts.add("size", step.sides("size"), step.where("size"))
            facts.add("position", "centre", step.source)
            facts.add("rounding", "floor", step.source)
        elif kind == "PadStride":
            facts.add("multiple", max(step.count("stride") or 1, 1), step.where("stride"))
            facts.add("position", "top_left", step.source)
        elif kind == "Pad":
            facts.add("size", step.sides("size"), step.where("size"))
            facts.add("fill", tuple(map(int, step.numbers("fill_value", 3) or (114.0,) * 3)), step.source)
            facts.add("position", "top_left", step.source)
        elif kind == "NormalizeImage":
            _add_values(step, facts)
        elif kind not in NO_CHANGE:
            facts.refuse("resize", f"the step {kind} is not supported", step.source)
    if "resize" in facts:
        exact = facts["resize"] == "exact"
        facts.add("size", facts.get("resize_size") if exact else (None, None), "the steps of Preprocess")
    if "NormalizeImage" not in by_type and steps:
        facts.add("scale", 1.0, "no NormalizeImage")
        facts.add("mean", (0.0, 0.0, 0.0), "no NormalizeImage")
        facts.add("std", (1.0, 1.0, 1.0), "no NormalizeImage")
    facts.add("channel_order", "RGB", "DecodeImage of Paddle")


def _add_resize(step: Entries, facts: Facts) -> None:
    size, where = step.sides("target_size"), step.where("target_size")
    if size is None:
        raise step.error("target_size", "a height and a width")
    if step.flag("keep_ratio"):
        facts.add("resize", "letterbox" if size[0] == size[1] else "shortest_edge", step.where("keep_ratio"))
        facts.add("resize_size", (min(size), min(size)), where)
        facts.add("longest_edge", max(size) if size[0] != size[1] else None, where)
    else:
        facts.add("resize", "exact", where)
        facts.add("resize_size", size, where)
    _add_interpolation(step, "interp", facts)


def _add_letterbox(step: Entries, facts: Facts) -> None:
    size, where = step.sides("target_size"), step.where("target_size")
    facts.add("size", size, where)
    facts.add("resize", "letterbox", step.source)
    facts.add("resize_size", size, where)
    facts.add("position", "centre", step.source)
    facts.add("rounding", "round", step.source)
    facts.add("fill", (128, 128, 128), step.source)  # LetterBoxResize fills with 127.5
    facts.add("resample", "bilinear", step.source)
    facts.add("antialias", False, step.source)


def _add_resize_image(step: Entries, facts: Facts) -> None:
    if "resize_short" in step:
        edge, where = step.count("resize_short") or 0, step.where("resize_short")
        facts.add("resize", "shortest_edge", where)
        facts.add("resize_size", (edge, edge), where)
    else:
        size = step.sides("size")
        if size is None:
            raise step.error("size", "a width and a height")
        facts.add("resize", "exact", step.where("size"))
        facts.add("resize_size", size[::-1], step.where("size"))
    _add_interpolation(step, "interpolation", facts)


def _add_interpolation(step: Entries, key: str, facts: Facts) -> None:
    value, where = step.get(key, 1), step.where(key)
    name = INTERPOLATIONS[value] if value in range(len(INTERPOLATIONS)) else value
    if name not in INTERPOLATIONS or name is None:
        facts.refuse("resample", f"expected nearest, bilinear, bicubic or lanczos, got {value!r}", where)
    facts.add("resample", name, where)
    facts.add("antialias", step.get("backend") == "pil", where)


def _add_values(step: Entries, facts: Facts) -> None:
    scale, where = _scale(step)
    normalises = step.get("norm_type", "mean_std") != "none"
    mean = step.numbers("mean", 3) if normalises else None
    std = step.numbers("std", 3) if normalises else None
    if std is not None and min(std) <= 0:
        raise step.error("std", "numbers above 0")
    facts.add("scale", scale, where)
    facts.add("mean", mean or (0.0, 0.0, 0.0), step.where("mean"))
    facts.add("std", std or (1.0, 1.0, 1.0), step.where("std"))


def _scale(step: Entries) -> tuple[float, str]:
    if "scale" in step:
        where = step.where("scale")
        return (1 / 255 if step["scale"] in FRACTIONS else step.number("scale") or 1.0), where
    return (1.0 if step.flag("is_scale") is False else 1 / 255), step.where("is_scale")
