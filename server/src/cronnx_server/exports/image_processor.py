"""The image processor of Hugging Face's Transformers: `preprocessor_config.json`, `processor_config.json`.

Source: transformers 5.24, `image_processing_backends.py` and `models/*/image_processing_*.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.side_files import Entries, is_number
from cronnx_server.exports.source import Source

RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # in the order of Pillow's numbers
_BILINEAR, _BICUBIC = 2, 3
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALF = {"image_mean": 0.5, "image_std": 0.5}
_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_SQUARE = {"height": 224, "width": 224}
_SHORTEST = {"shortest_edge": 224}
_DETR = {"size": {"shortest_edge": 800, "longest_edge": 1333}, "resample": _BILINEAR, **_IMAGENET}

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Beit": {"size": _SQUARE, "resample": _BICUBIC, "crop_size": 224, **_HALF},
    "Bit": {"size": _SHORTEST, "resample": _BICUBIC, "do_center_crop": True, "crop_size": 224, **_CLIP},
    "Blip": {"size": {"height": 384, "width": 384}, "resample": _BICUBIC, **_CLIP},
    "CLIP": {"size": _SHORTEST, "resample": _BICUBIC, "do_center_crop": True, "crop_size": 224, **_CLIP},
    "ChineseCLIP": {"size": _SHORTEST, "resample": _BICUBIC, "do_center_crop": True, "crop_size": 224, **_CLIP},
    "ConditionalDetr": _DETR,
    "ConvNext": {"size": {"shortest_edge": 384}, "resample": _BICUBIC, "crop_pct": 224 / 256, **_HALF},
    "DINOv3ViT": {"size": _SQUARE, "resample": _BILINEAR, **_IMAGENET},
    "DPT": {"size": {"height": 384, "width": 384}, "resample": _BICUBIC, **_HALF},
    "DeformableDetr": _DETR,
    "DeiT": {
        "size": {"height": 256, "width": 256},
        "resample": _BICUBIC,
        "do_center_crop": True,
        "crop_size": 224,
        **_HALF,
    },
    "DepthPro": {"size": {"height": 1536, "width": 1536}, "resample": _BILINEAR, **_HALF},
    "Detr": _DETR,
    "EfficientNet": {"size": {"height": 346, "width": 346}, "resample": _BICUBIC, "crop_size": 289, **_HALF},
    "Levit": {"size": _SHORTEST, "resample": _BICUBIC, "do_center_crop": True, "crop_size": 224, **_IMAGENET},
    "MobileNetV1": {
        "size": {"shortest_edge": 256},
        "resample": _BILINEAR,
        "do_center_crop": True,
        "crop_size": 224,
        **_HALF,
    },
    "MobileNetV2": {
        "size": {"shortest_edge": 256},
        "resample": _BILINEAR,
        "do_center_crop": True,
        "crop_size": 224,
        **_HALF,
    },
    "MobileViT": {
        "size": _SHORTEST,
        "resample": _BICUBIC,
        "do_center_crop": True,
        "crop_size": 256,
        "do_normalize": False,
        "do_flip_channel_order": True,
        **_HALF,
    },
    "OwlViT": {"size": {"height": 768, "width": 768}, "resample": _BICUBIC, "crop_size": 768, **_CLIP},
    "PoolFormer": {
        "size": _SHORTEST,
        "resample": _BICUBIC,
        "do_center_crop": True,
        "crop_size": 224,
        "crop_pct": 0.9,
        **_IMAGENET,
    },
    "Pvt": {"size": _SQUARE, "resample": _BICUBIC, **_IMAGENET},
    "RTDetr": {
        "size": {"height": 640, "width": 640},
        "resample": _BILINEAR,
        "do_normalize": False,
        "do_pad": False,
        **_IMAGENET,
    },
    "RfDetr": _DETR,
    "Segformer": {"size": {"height": 512, "width": 512}, "resample": _BILINEAR, **_IMAGENET},
    "Siglip": {"size": _SQUARE, "resample": _BICUBIC, **_HALF},
    "ViT": {"size": _SQUARE, "resample": _BILINEAR, **_HALF},
    "Yolos": _DETR,
}
"""What each image processor does where its file says nothing."""

OF_MODEL_TYPE = {
    **{name.lower(): name for name in DEFAULTS},
    **dict.fromkeys(("swin", "swinv2", "vit_msn", "vit_mae", "dino", "ijepa"), "ViT"),
    **dict.fromkeys(("resnet", "regnet", "van", "focalnet", "cvt", "convnextv2", "dinat", "nat"), "ConvNext"),
    **dict.fromkeys(("dinov2", "dinov2_with_registers"), "Bit"),
    **dict.fromkeys(("mobilevitv2",), "MobileViT"),
    **dict.fromkeys(("upernet",), "Segformer"),
    **dict.fromkeys(("depth_anything",), "DPT"),
    **dict.fromkeys(("clip_vision_model", "clipseg"), "CLIP"),
    **dict.fromkeys(("siglip_vision_model",), "Siglip"),
    **dict.fromkeys(("table-transformer",), "Detr"),
    **dict.fromkeys(("rt_detr", "rt_detr_v2", "d_fine"), "RTDetr"),
    "data2vec-vision": "Beit",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "conditional_detr": "ConditionalDetr",
    "deformable_detr": "DeformableDetr",
    "dinov3_vit": "DINOv3ViT",
    "dinov3_convnext": "DINOv3ViT",
    "pvt_v2": "Pvt",
    "rf_detr": "RfDetr",
}
"""The image processor of each model type, for models without a processor's file."""

_SHORTEST_IF_INTEGER = {
    *("Bit", "CLIP", "ChineseCLIP", "ConvNext", "Levit", "MobileNetV1", "MobileNetV2", "MobileViT", "PoolFormer"),
    *("ConditionalDetr", "DeformableDetr", "Detr", "RfDetr", "Yolos"),
}
"""Processors for which a size that is one number is the length of the shorter side, not of both."""

_NOT_A_RECIPE = {
    "BridgeTower": "pads to a multiple of its size divisor",
    "CHMv2": "pads to a multiple of its size divisor",
    "Donut": "turns documents",
    "Eomt": "cuts an image into parts",
    "GLPN": "rounds the sides of the image down to a multiple",
    "ImageGPT": "turns colours into the numbers of clusters",
    "Nougat": "cuts margins of documents",
    "Owlv2": "pads to a square before it resizes",
    "PPLCNet": "resizes to a multiple of its size divisor",
    "Perceiver": "crops before it resizes",
    "Siglip2": "cuts an image into a free number of patches",
    "Swin2SR": "pads and never resizes",
    "TextNet": "resizes to a multiple of its size divisor",
    "Vilt": "resizes to a multiple of its size divisor",
    "VitMatte": "pads and never resizes",
    "VitPose": "cuts out persons, whose boxes it needs",
    "ZoeDepth": "pads by a part of the image",
}
"""Processors whose resize this project cannot do, and why."""


@dataclass(frozen=True)
class _Processor:
    """An image processor: the keys of its file, and its defaults for the others."""

    kind: str
    given: Entries
    entries: Entries
    type_key: str

    def where(self, key: str) -> str:
        """The source of a fact that a key gives."""
        if key in self.given:
            return self.given.where(key)
        return f"{self.given.where(self.type_key)}, whose default it is"


def read(source: Source, facts: Facts, model_type: str) -> bool:
    """Add how an image becomes the network's input.

    Args:
        source: The model.
        facts: The facts to add to.
        model_type: The type of the model, of `config.json`; empty if it is not known.

    Returns:
        Whether there is a processor's file.

    Raises:
        ModelFileError: The file is damaged, or says what this project cannot do.
    """
    given = _file(source)
    if given is None:
        _assume_values(facts, model_type)
        return False
    processor = _processor(given, model_type)
    if reason := _NOT_A_RECIPE.get(processor.kind):
        facts.refuse("resize", f"{processor.kind}ImageProcessor {reason}, which is not supported", given.source)
    else:
        _add_geometry(processor, facts)
        _add_resample(processor, facts)
    _add_values(processor, facts)
    return True


def _file(source: Source) -> Entries | None:
    """The processor's entries: those of Transformers 5 come before an older file."""
    nested = source.entries("processor_config.json")
    entries = nested.entries("image_processor") if nested else None
    return entries or source.entries("preprocessor_config.json")


def _processor(given: Entries, model_type: str) -> _Processor:
    type_key = "image_processor_type" if "image_processor_type" in given else "feature_extractor_type"
    name = given.text(type_key) or OF_MODEL_TYPE.get(model_type, "")
    kind = name.removesuffix("Fast").removesuffix("Pil")
    kind = kind.removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    defaults = DEFAULTS.get(kind, {})
    entries = Entries({**defaults, **given}, given.source)
    return _Processor(kind, given, entries, type_key)


def _assume_values(facts: Facts, model_type: str) -> None:
    defaults = Entries(DEFAULTS.get(OF_MODEL_TYPE.get(model_type, ""), {}), "defaults")
    reason = f"the default of {model_type}; there is no preprocessor_config.json"
    normalises = defaults.flag("do_normalize") is not False
    if mean := defaults.numbers("image_mean", 3):
        facts.assume("scale", 1 / 255, reason)
        facts.assume("mean", mean if normalises else (0.0, 0.0, 0.0), reason)
        facts.assume("std", defaults.numbers("image_std", 3) if normalises else (1.0, 1.0, 1.0), reason)
    if defaults.flag("do_flip_channel_order"):
        facts.assume("channel_order", "BGR", reason)
    if resample := defaults.count("resample"):
        facts.assume("resample", RESAMPLE[resample], reason)


def _add_geometry(processor: _Processor, facts: Facts) -> None:
    if "resize" in facts:
        return
    entries = processor.entries
    if entries.flag("do_resize") is False:
        facts.refuse("resize", "expected true, got false; an image is not resized", processor.where("do_resize"))
    elif "size" not in entries:
        facts.refuse("resize", "expected a size, got none", processor.given.source)
    else:
        _add_resize(processor, _sides(processor), facts)


def _sides(processor: _Processor) -> Mapping[str, int]:
    """The entry `size` in its newest form: `height` and `width`, or `shortest_edge` with or without `longest_edge`."""
    entries = processor.entries
    size = entries["size"]
    if is_number(size):
        side = entries.count("size") or 0
        if processor.kind not in _SHORTEST_IF_INTEGER:
            return {"height": side, "width": side}
        longest = entries.count("max_size")
        return {"shortest_edge": side, **({"longest_edge": longest} if longest else {})}
    if isinstance(size, list):
        height, width = entries.numbers("size", 2) or (0, 0)
        return {"height": int(height), "width": int(width)}
    nested = Entries(size, entries.where("size"))
    return {key: nested.count(key) or 0 for key in nested}


def _add_resize(processor: _Processor, sides: Mapping[str, int], facts: Facts) -> None:
    where = processor.where("size")
    keys = set(sides)
    if not keys or min(sides.values()) < 1:
        facts.refuse("resize", f"expected lengths above 0, got {dict(sides)}", where)
    elif keys == {"height", "width"}:
        _add_exact(processor, (sides["height"], sides["width"]), facts)
    elif keys in ({"shortest_edge"}, {"shortest_edge", "longest_edge"}):
        _add_shortest_edge(processor, sides, facts)
    elif keys == {"max_height", "max_width"}:
        _add_padded(processor, "letterbox", (sides["max_height"], sides["max_width"]), facts)
    else:
        expected = "height and width, shortest_edge, or max_height and max_width"
        facts.refuse("resize", f"expected {expected}, got {', '.join(sides)}", where)


def _add_exact(processor: _Processor, size: tuple[int, int], facts: Facts) -> None:
    entries, where = processor.entries, processor.where("size")
    multiple = entries.number("ensure_multiple_of") or 1
    _refuse_padding(processor, facts)
    if entries.flag("keep_aspect_ratio"):
        facts.add("size", (None, None), processor.where("keep_aspect_ratio"))
        facts.add("resize", "nearest_scale", processor.where("keep_aspect_ratio"))
        facts.add("resize_size", size, where)
        facts.add("multiple", int(multiple), processor.where("ensure_multiple_of"))
        return
    if processor.kind == "PoolFormer" and "crop_pct" in entries:
        if size[0] != size[1]:
            facts.refuse("resize", f"expected a square with crop_pct, got {size}", where)
        _add_shortest_edge(processor, {"shortest_edge": size[0]}, facts)
        return
    if "ensure_multiple_of" in entries:
        size = (int(round(size[0] / multiple) * multiple), int(round(size[1] / multiple) * multiple))
    facts.add("resize", "exact", where)
    _add_crop(processor, size, facts)


def _refuse_padding(processor: _Processor, facts: Facts) -> None:
    if processor.entries.flag("do_pad") and processor.entries.get("size_divisor", 1) != 1:
        facts.refuse("resize", "padding to a multiple is not supported", processor.where("size_divisor"))


def _add_shortest_edge(processor: _Processor, sides: Mapping[str, int], facts: Facts) -> None:
    entries, where = processor.entries, processor.where("size")
    edge, longest = sides["shortest_edge"], sides.get("longest_edge")
    if processor.kind == "ConvNext":
        _add_convnext(processor, edge, facts)
        return
    if longest is not None:
        _add_padded(processor, "shortest_edge", (edge, edge), facts)
        facts.add("longest_edge", longest, where)
        return
    if processor.kind == "Levit":
        edge = int((256 / 224) * edge)
    elif processor.kind == "PoolFormer" and "crop_pct" in entries:
        edge = int(edge / _fraction(entries))
    facts.add("resize", "shortest_edge", where)
    _add_crop(processor, (edge, edge), facts)


def _add_convnext(processor: _Processor, edge: int, facts: Facts) -> None:
    where = processor.where("size")
    facts.add("size", (edge, edge), where)
    if edge < 384:  # ConvNextImageProcessor.resize
        resized = int(edge / _fraction(processor.entries))
        facts.add("resize", "shortest_edge", processor.where("crop_pct"))
        facts.add("resize_size", (resized, resized), processor.where("crop_pct"))
        _add_position(facts, where)
    else:
        facts.add("resize", "exact", where)


def _fraction(entries: Entries) -> float:
    fraction = entries.number("crop_pct")
    if fraction is None or not 0 < fraction <= 1:
        raise entries.error("crop_pct", "a number above 0, up to 1")
    return fraction


def _add_crop(processor: _Processor, resized: tuple[int, int], facts: Facts) -> None:
    """Add the crop after a resize; without one, the canvas is what the resize gives."""
    entries, where = processor.entries, processor.where("size")
    if entries.flag("do_center_crop"):
        crop = entries.get("crop_size")
        if isinstance(crop, Mapping):
            nested = Entries(crop, entries.where("crop_size"))
            keys = ("shortest_edge", "shortest_edge") if "shortest_edge" in nested else ("height", "width")
            sides: tuple[float, ...] = (nested.count(keys[0]) or 0, nested.count(keys[1]) or 0)
        else:
            sides = entries.numbers("crop_size", 2) or (0, 0)
        if min(sides) < 1:
            raise entries.error("crop_size", "a height and a width")
        facts.add("size", (int(sides[0]), int(sides[1])), processor.where("crop_size"))
        facts.add("resize_size", resized, where)
        _add_position(facts, processor.where("do_center_crop"))
    elif facts["resize"] == "shortest_edge":
        facts.add("size", (None, None), where)
        facts.add("resize_size", resized, where)
    else:
        facts.add("size", resized, where)


def _add_position(facts: Facts, where: str) -> None:
    facts.add("position", "centre", where)
    facts.add("rounding", "floor", where)
    facts.add("fill", (0, 0, 0), where)


def _add_padded(processor: _Processor, resize: str, resized: tuple[int, int], facts: Facts) -> None:
    """Add a resize into a box, with padding on the right and below after normalisation if the canvas is fixed."""
    entries, where = processor.entries, processor.where("size")
    pad = entries.entries("pad_size") if entries.flag("do_pad") is not False else None
    facts.add("resize", resize, where)
    facts.add("resize_size", resized, where)
    facts.add("position", "top_left", where)
    facts.add("rounding", "floor", where)
    facts.add("fill", _padding(entries), where)
    if pad is None:
        facts.add("size", (None, None), where)
    else:
        facts.add("size", (pad.count("height"), pad.count("width")), processor.where("pad_size"))


def _padding(entries: Entries) -> tuple[int, ...]:
    """The colour that is nearest to 0 after normalisation."""
    if entries.flag("do_normalize") is False:
        return (0, 0, 0)
    scale = _scale(entries)
    return tuple(min(max(round(value / scale), 0), 255) for value in entries.numbers("image_mean", 3) or (0.0,) * 3)


def _add_resample(processor: _Processor, facts: Facts) -> None:
    entries, where = processor.entries, processor.where("resample")
    code = entries.number("resample")
    if code is not None and code not in range(len(RESAMPLE)):
        facts.refuse("resample", f"expected a filter of Pillow, 0 to {len(RESAMPLE) - 1}, got {code:g}", where)
    elif code is not None:
        facts.add("resample", RESAMPLE[int(code)], where)
    facts.add("antialias", processor.kind != "DepthPro", where)


def _add_values(processor: _Processor, facts: Facts) -> None:
    entries = processor.entries
    key = "rescale_factor" if entries.flag("do_rescale") is not False else "do_rescale"
    facts.add("scale", _scale(entries), processor.where(key))
    flips = entries.flag("do_flip_channel_order") is True
    order_key = "do_flip_channel_order" if "do_flip_channel_order" in entries else processor.type_key
    usual = "BGR" if DEFAULTS.get(processor.kind, {}).get("do_flip_channel_order") else "RGB"
    order = "BGR" if flips else "RGB"
    unusual = f"{processor.kind}ImageProcessor gives {usual}" if order != usual else ""
    facts.add("channel_order", order, processor.where(order_key), unusual=unusual)
    mean, std = entries.numbers("image_mean", 3), entries.numbers("image_std", 3)
    where_mean, where_std = processor.where("image_mean"), processor.where("image_std")
    # MobileViTImageProcessor writes image_mean and image_std, and never uses them.
    if entries.flag("do_normalize") is False or processor.kind == "MobileViT":
        mean, std = (0.0,) * 3, (1.0,) * 3
        where_mean = where_std = processor.where("do_normalize")
    if processor.kind == "EfficientNet" and entries.flag("include_top") is not False:
        # EfficientNetImageProcessor divides once more, whether or not it normalises.
        again = entries.numbers("image_std", 3) or (1.0,) * 3
        std = tuple(first * second for first, second in zip(std or (1.0,) * 3, again, strict=True))
    if std is not None and min(std) <= 0:
        raise entries.error("image_std", "numbers above 0")
    if mean is not None and key == "rescale_factor" and entries.flag("rescale_offset"):
        mean = tuple(1 + value for value in mean)
    # Channels are flipped last, and the facts are in the order of the network's channels.
    facts.add("mean", mean[::-1] if mean and flips else mean, where_mean)
    facts.add("std", std[::-1] if std and flips else std, where_std)


def _scale(entries: Entries) -> float:
    if entries.flag("do_rescale") is False:
        return 1.0
    scale = entries.number("rescale_factor")
    if scale is None:
        return 1 / 255
    if scale <= 0:
        raise entries.error("rescale_factor", "a number above 0")
    return scale
