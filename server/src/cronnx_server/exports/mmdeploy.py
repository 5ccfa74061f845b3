"""The files of MMDeploy: `pipeline.json` and `detail.json`.

Source: open-mmlab/mmdeploy, `mmdeploy/backend/sdk/export_info.py`, `demo/csrc/config/*`; mmcv, `image/geometric.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.side_files import Entries, is_number
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

TASKS = {
    "mmcls": Task.CLASSIFICATION,
    "mmpretrain": Task.CLASSIFICATION,
    "mmdet": Task.DETECTION,
    "mmseg": Task.SEMANTIC_SEGMENTATION,
}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
NO_CHANGE = {"LoadImageFromFile", "ImageToTensor", "DefaultFormatBundle", "Collect", "RandomFlip", "PackDetInputs"}


def read(source: Source, facts: Facts) -> bool:
    """Add what MMDeploy's files say.

    Returns:
        Whether MMDeploy wrote the model.

    Raises:
        ModelFileError: A file is damaged, or says what this project cannot do.
    """
    file = source.entries("pipeline.json")
    pipeline = file.entries("pipeline") if file else None
    if pipeline is None:
        return False
    tasks = pipeline.items_of("tasks")
    for task in tasks:
        _add_task(task, facts)
    for task in tasks:
        if task.get("module") == "Transform":
            _add_transforms(task.items_of("transforms"), facts)
    return True


def _add_task(task: Entries, facts: Facts) -> None:
    module = (task.text("module") or "").lower()
    if not module.startswith("mm"):
        return
    found = next((TASKS[codebase] for codebase in TASKS if module.startswith(codebase)), None)
    if found is None:
        facts.refuse("task", f"expected one of {', '.join(TASKS)}, got {module}", task.where("module"))
        return
    facts.add("task", found.value, task.where("module"))
    if found is Task.DETECTION:
        parameters = task.entries("params") or task
        facts.add("confidence", parameters.number("score_thr"), parameters.where("score_thr"))


def _add_transforms(transforms: Sequence[Entries], facts: Facts) -> None:
    by_type = {transform.text("type") or "": transform for transform in transforms}
    known = NO_CHANGE | {"Resize", "ResizeEdge", "CenterCrop", "Normalize", "Pad"}
    if other := [transform for kind, transform in by_type.items() if kind not in known]:
        facts.refuse("resize", f"expected one of {', '.join(sorted(known))}", other[0].where("type"))
    elif "resize" not in facts:
        _add_geometry(by_type, facts)
    _add_values(by_type.get("Normalize"), transforms, facts)


def _add_geometry(by_type: Mapping[str, Entries], facts: Facts) -> None:
    resize = by_type.get("Resize") or by_type.get("ResizeEdge")
    crop, pad = by_type.get("CenterCrop"), by_type.get("Pad")
    if resize is None:
        return
    _add_resize(resize, facts)
    if crop is not None:
        facts.add("size", crop.sides("crop_size"), crop.where("crop_size"))
    elif pad is not None:
        _add_pad(pad, by_type, facts)
    facts.add("size", facts.get("resize_size") if facts.get("resize") == "exact" else (None, None), resize.source)
    facts.add("position", "centre" if crop else "top_left", (crop or pad or resize).source)
    facts.add("rounding", "round", resize.source)


def _add_resize(resize: Entries, facts: Facts) -> None:
    key = "size" if "size" in resize else "scale"
    where, size = resize.where(key), resize.get(key)
    if is_number(size) and resize.get("edge", "short") == "short" and "keep_ratio" not in resize:
        size = [size, -1] if resize.text("type") == "ResizeEdge" else [size, size]
    if not isinstance(size, list) or len(size) != 2 or not all(map(is_number, size)) or max(size) < 1:
        facts.refuse("resize", f"expected two numbers, got {size}", where)
        return
    low, high = int(min(size)), int(max(size))
    if low == -1:
        facts.add("resize", "shortest_edge", where)
        facts.add("resize_size", (high, high), where)
    elif resize.flag("keep_ratio"):
        facts.add("resize", "letterbox" if low == high else "shortest_edge", resize.where("keep_ratio"))
        facts.add("resize_size", (low, low), where)
        facts.add("longest_edge", high if high > low else None, where)
    else:
        facts.add("resize", "exact", where)
        facts.add("resize_size", (int(size[0]), int(size[1])), where)
    name = resize.text("interpolation") or "bilinear"
    if name not in INTERPOLATIONS:
        facts.refuse(
            "resample", f"expected one of {', '.join(INTERPOLATIONS)}, got {name!r}", resize.where("interpolation")
        )
    facts.add("resample", name, resize.where("interpolation"))
    facts.add("antialias", resize.get("backend") == "pillow", resize.where("backend"))


def _add_pad(pad: Entries, by_type: Mapping[str, Entries], facts: Facts) -> None:
    if "size_divisor" in pad:
        facts.add("multiple", max(pad.count("size_divisor") or 1, 1), pad.where("size_divisor"))
    elif "size" in pad:
        facts.add("size", pad.sides("size"), pad.where("size"))
    elif pad.flag("pad_to_square"):
        facts.add("size", facts.get("resize_size"), pad.where("pad_to_square"))
    facts.add("fill", _fill(pad, by_type), pad.source)


def _fill(pad: Entries, by_type: Mapping[str, Entries]) -> tuple[int, ...]:
    """The colour of the padding, RGB; padding with 0 after normalisation is the mean."""
    order, normalize = [*by_type], by_type.get("Normalize")
    if normalize is not None and order.index("Normalize") < order.index("Pad"):
        colour = normalize.numbers("mean", 3) or (0.0,) * 3
        is_rgb = normalize.flag("to_rgb") is not False
    else:
        holder = Entries(pad["pad_val"], pad.where("pad_val")) if isinstance(pad.get("pad_val"), dict) else pad
        colour = holder.numbers("img" if holder is not pad else "pad_val", 3) or (0.0,) * 3
        is_rgb = False
    colours = tuple(min(max(round(value), 0), 255) for value in colour)
    return colours if is_rgb else colours[::-1]


def _add_values(normalize: Entries | None, transforms: Sequence[Entries], facts: Facts) -> None:
    """MMCV reads BGR; its means are of 0 to 255 and in the order of the network's channels."""
    where = (normalize or transforms[0]).source if normalize or transforms else ""
    is_rgb = normalize is not None and normalize.flag("to_rgb") is not False
    order = "RGB" if is_rgb else "BGR"
    # Detectors with weights from Caffe, and YOLOX, take BGR.
    unusual = "most networks take RGB" if not is_rgb and facts.get("task") != Task.DETECTION.value else ""
    facts.add("channel_order", order, normalize.where("to_rgb") if normalize else where, unusual=unusual)
    facts.add("scale", 1.0, where)
    entries = normalize or Entries({}, where)
    std = entries.numbers("std", 3) or (1.0, 1.0, 1.0)
    if min(std) <= 0:
        raise entries.error("std", "numbers above 0")
    facts.add("mean", entries.numbers("mean", 3) or (0.0, 0.0, 0.0), where)
    facts.add("std", std, where)
