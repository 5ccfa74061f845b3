from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.readers import read_all
from cronnx_server.exports.source import read_source
from tests.unit.cronnx_server.exports.exported import facts_of, write_files, write_model


def processor(kind: str = "ViTImageProcessor", **values: object) -> dict[str, object]:
    return {"preprocessor_config.json": {"image_processor_type": kind, **values}}


SQUARE = {"height": 240, "width": 320}
GEOMETRIES = {
    "stretched": (processor(size=SQUARE), "exact", None, (240, 320)),
    "stretched, then cropped": (
        processor("DeiTImageProcessor", size={"height": 256, "width": 256}, crop_size={"height": 224, "width": 224}),
        *("exact", (256, 256), (224, 224)),
    ),
    "one number is both sides": (processor(size=384), "exact", None, (384, 384)),
    "one number is the shorter side": (
        processor("CLIPFeatureExtractor", size=336, crop_size=336),
        *("shortest_edge", (336, 336), (336, 336)),
    ),
    "no crop": (
        processor("CLIPImageProcessor", size={"shortest_edge": 224}, do_center_crop=False),
        *("shortest_edge", (224, 224), (None, None)),
    ),
    "ConvNext's crop": (
        processor("ConvNextImageProcessor", size={"shortest_edge": 224}, crop_pct=0.875),
        *("shortest_edge", (256, 256), (224, 224)),
    ),
    "ConvNext's stretch": (processor("ConvNextImageProcessorFast"), "exact", None, (384, 384)),
    "Levit's": (processor("LevitImageProcessor"), "shortest_edge", (256, 256), (224, 224)),
    "PoolFormer's": (
        processor("PoolFormerImageProcessor", size={"height": 224, "width": 224}),
        *("shortest_edge", (248, 248), (224, 224)),
    ),
    "Depth-Anything's": (
        processor("DPTImageProcessor", size={"height": 518, "width": 518}, keep_aspect_ratio=True),
        *("nearest_scale", (518, 518), (None, None)),
    ),
    "DPT's multiple": (
        processor("DPTImageProcessor", size={"height": 380, "width": 390}, ensure_multiple_of=32),
        *("exact", None, (384, 384)),
    ),
    "a letterbox": (
        processor("DetrImageProcessor", size={"max_height": 480, "max_width": 640}, pad_size=SQUARE),
        *("letterbox", (480, 640), (240, 320)),
    ),
}


@pytest.mark.parametrize(("files", "resize", "resized", "size"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_sizes_are_read_in_all_their_forms(
    tmp_path: Path, files: dict[str, object], resize: str, resized: object, size: object
) -> None:
    facts = facts_of(tmp_path, files)
    assert (facts["resize"], facts.get("resize_size"), facts["size"]) == (resize, resized, size)


def test_detr_follows_the_photograph_and_pads_with_what_becomes_zero(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, processor("DetrFeatureExtractor", size=800, max_size=1333))
    assert (facts["size"], facts["resize_size"], facts["longest_edge"]) == ((None, None), (800, 800), 1333)
    assert (facts["position"], facts["fill"]) == ("top_left", (124, 116, 104))


def test_what_a_file_leaves_out_is_the_default_of_its_processor(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, processor("BitImageProcessorFast"))
    assert (facts["mean"], facts["resample"]) == ((0.48145466, 0.4578275, 0.40821073), "bicubic")
    assert facts_of(tmp_path, processor("RTDetrImageProcessor"))["mean"] == (0.0, 0.0, 0.0)


def test_the_processor_is_that_of_the_model_type_where_no_file_names_it(tmp_path: Path) -> None:
    files = {"config.json": {"model_type": "swin"}, "preprocessor_config.json": {"size": 224}}
    assert facts_of(tmp_path, files)["mean"] == (0.5, 0.5, 0.5)


def test_without_a_file_the_values_of_the_model_type_are_assumed(tmp_path: Path) -> None:
    write_model(tmp_path)
    write_files(tmp_path, {"config.json": {"model_type": "vit"}})
    facts = Facts()
    read_all(read_source(tmp_path), facts)
    assert {fact.name: fact.value for fact in facts if fact.assumed} == {
        **{"resample": "bilinear", "scale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    }


def test_mobilevit_is_bgr_and_never_normalised(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, processor("MobileViTImageProcessor", image_mean=[0.5] * 3, image_std=[0.5] * 3))
    assert (facts["channel_order"], facts["mean"], facts["std"]) == ("BGR", (0.0,) * 3, (1.0,) * 3)


def test_means_are_in_the_order_of_the_networks_channels(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, processor(do_flip_channel_order=True, image_mean=[0.1, 0.2, 0.3]))
    assert (facts["channel_order"], facts["mean"]) == ("BGR", (0.3, 0.2, 0.1))


@pytest.mark.parametrize(("values", "std"), [({}, 0.25), ({"include_top": False}, 0.5), ({"do_normalize": False}, 0.5)])
def test_efficientnet_divides_by_std_once_more(tmp_path: Path, values: dict[str, bool], std: float) -> None:
    facts = facts_of(tmp_path, processor("EfficientNetImageProcessor", image_std=[0.5] * 3, **values))
    assert facts["std"] == (std,) * 3


def test_an_offset_of_the_scale_moves_the_mean(tmp_path: Path) -> None:
    values = {"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False, "include_top": False}
    facts = facts_of(tmp_path, processor("EfficientNetImageProcessor", **values))
    assert (facts["scale"], facts["mean"], facts["std"]) == (1 / 127.5, (1.0,) * 3, (1.0,) * 3)


def test_values_may_stay_bytes(tmp_path: Path) -> None:
    assert facts_of(tmp_path, processor(do_rescale=False, do_normalize=False))["scale"] == 1.0


def test_the_file_of_transformers_5_comes_first(tmp_path: Path) -> None:
    nested = {"image_processor": {"image_processor_type": "ViTImageProcessorFast", "size": SQUARE}}
    files = {"processor_config.json": nested, **processor(size=100)}
    assert facts_of(tmp_path, files)["size"] == (240, 320)


REFUSED = {
    "an unknown filter": (processor(resample=7), r"resample: expected a filter of Pillow, 0 to 5, got 7; .*--resample"),
    "an unknown size": (processor(size={"longest_edge": 1024}), r"config\.json: size: expected height and width, .*"),
    "no size": (processor("NewImageProcessor"), r"preprocessor_config\.json: expected a size, got none"),
    "a size of zero": (processor(size=0), r"size: expected lengths above 0"),
    "no resize": (processor(do_resize=False), r"do_resize: expected true, got false"),
    "a crop before": (processor("PerceiverImageProcessor"), r"PerceiverImageProcessor crops before it resizes"),
    "padding": (
        processor("DPTImageProcessor", do_pad=True, size_divisor=14),
        r"size_divisor: padding to a multiple is not supported",
    ),
    "text": (processor(image_mean="0.5"), r"preprocessor_config\.json: image_mean: expected 3 numbers, got '0.5'"),
    "two numbers": (processor(image_std=[1, 2]), r"image_std: expected 3 numbers, got \[1, 2\]"),
    "a standard deviation of zero": (processor(image_std=[0, 1, 1]), r"image_std: expected numbers above 0"),
    "a flag": (processor(do_normalize="yes"), r"do_normalize: expected true or false, got 'yes'"),
    "infinity": (processor(rescale_factor=float("inf")), r"rescale_factor: expected a number"),
    "a crop": (processor(do_center_crop=True, crop_size={}), r"crop_size: expected a height and a width"),
    "a list": (processor(size={"height": [1], "width": 2}), r"size\.height: expected a number, got \[1\]"),
}


@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path: Path, files: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        facts_of(tmp_path, files)


def test_an_option_settles_what_a_file_says_wrong(tmp_path: Path) -> None:
    write_model(tmp_path)
    write_files(tmp_path, processor(resample=7, size={"longest_edge": 1024}))
    facts = Facts()
    facts.add("resize", "exact", "--resize")
    facts.add("resample", "bicubic", "--resample")
    read_all(read_source(tmp_path), facts)
    assert (facts["resize"], facts["resample"], facts["mean"]) == ("exact", "bicubic", (0.5, 0.5, 0.5))
