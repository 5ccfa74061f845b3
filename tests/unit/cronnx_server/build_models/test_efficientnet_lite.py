from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import ModelProto, helper

from cronnx_server.build_models import efficientnet_lite
from cronnx_server.build_models.efficientnet_lite import Block, blocks, round_channels
from tests.unit.cronnx_server.build_models.plain_network import plain_network, random_weights

NARROW = {"width": 0.1, "depth": 0.5}  # small, with blocks of every kind, residual ones too

# One row for each stage: repeats, kernel, stride, expansion, channels.
# Source: EfficientNet-Lite in TensorFlow's TPU repository, with its scaling.
LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LITE1 = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 40),
    (4, 3, 2, 6, 80),
    (4, 5, 1, 6, 112),
    (5, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LITE2 = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)


def run(model: ModelProto, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (logits,) = session.run(["logits"], {"input": image})
    return np.asarray(logits)


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(1, 8), (8, 8), (11.9, 16), (12, 16), (17.6, 16), (26.4, 24), (35.2, 32), (44, 48), (123.2, 120), (211.2, 208)],
)
def test_channels_are_rounded_to_multiples_of_eight(channels: float, rounded: int) -> None:
    assert round_channels(channels) == rounded


@pytest.mark.parametrize(("channels", "rounded"), [(9, 16), (10, 16), (11, 16), (18, 24), (19, 24)])
def test_rounding_never_loses_more_than_a_tenth(channels: float, rounded: int) -> None:
    assert round_channels(channels) == rounded


@pytest.mark.parametrize(
    ("width", "depth", "stages"),
    [(1.0, 1.0, LITE0), (1.0, 1.1, LITE1), (1.1, 1.2, LITE2)],
    ids=["lite0", "lite1", "lite2"],
)
def test_a_variant_has_the_published_blocks(width: float, depth: float, stages: Sequence[Sequence[int]]) -> None:
    found = list(blocks(width=width, depth=depth))
    assert [(block.kernel, block.stride, block.expand, block.out_channels) for block in found] == [
        (kernel, stride if index == 0 else 1, expand, channels)
        for repeats, kernel, stride, expand, channels in stages
        for index in range(repeats)
    ]


def test_a_block_takes_what_the_one_before_gives() -> None:
    chain = list(blocks(width=1.1, depth=1.2))
    assert chain[0].in_channels == 32
    assert all(after.in_channels == before.out_channels for before, after in itertools.pairwise(chain))


@pytest.mark.parametrize("size", [32, 33, 34, 37])
def test_the_folded_network_equals_the_plain_one(size: int) -> None:
    variant = list(blocks(**NARROW))
    weights = random_weights(variant)
    image = np.random.default_rng(seed=3).normal(0, 1, (2, 3, size, size)).astype(np.float32)
    found = run(efficientnet_lite.build(weights, size=size, **NARROW), image)
    expected = run(plain_network(weights, variant, size=size), image)
    assert expected.std() > 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("size", [32, 33, 35, 38, 224, 260])
def test_padding_is_the_least_that_tensorflow_same_allows_with_the_odd_pixel_behind(size: int) -> None:
    model = efficientnet_lite.build(random_weights(list(blocks(**NARROW))), size=size, **NARROW)
    for node in model.graph.node:
        if node.op_type == "Conv":
            attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            (kernel, _), (stride, _) = attributes["kernel_shape"], attributes["strides"]
            total = least_padding(size, kernel, stride)
            before, after = total // 2, total - total // 2
            assert attributes["pads"] == [before, before, after, after], node.name
            size = len(range(0, size, stride))


def least_padding(size: int, kernel: int, stride: int) -> int:
    """The first padding with as many windows as the image has strides, by trying one after another."""
    windows = len(range(0, size, stride))
    return next(total for total in itertools.count() if len(range(0, size + total - kernel + 1, stride)) >= windows)


def test_the_model_takes_a_batch_of_pictures_of_its_size_and_gives_logits() -> None:
    model = efficientnet_lite.build(random_weights(list(blocks(**NARROW))), size=33, **NARROW)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    tensors = [*session.get_inputs(), *session.get_outputs()]
    assert [(tensor.name, tensor.type, tensor.shape) for tensor in tensors] == [
        ("input", "tensor(float)", ["batch", 3, 33, 33]),
        ("logits", "tensor(float)", ["batch", 1000]),
    ]


def test_a_parameter_that_is_absent_is_named() -> None:
    weights = random_weights(list(blocks(**NARROW)))
    del weights["_blocks.3._bn1.running_var"]
    with pytest.raises(
        ValueError, match=r"another variant: expected _blocks\.3\._bn1\.running_var of shape \(48,\), got no"
    ):
        efficientnet_lite.build(weights, size=32, **NARROW)


def test_a_parameter_too_many_is_named() -> None:
    weights = random_weights(list(blocks(**NARROW)))
    weights["_blocks.10._expand_conv.weight"] = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match=r"another variant: expected no _blocks\.10\._expand_conv\.weight"):
        efficientnet_lite.build(weights, size=32, **NARROW)


def test_a_parameter_of_another_width_is_named_with_its_shape() -> None:
    weights = random_weights([Block(3, 1, 1, 32, 16), *list(blocks(**NARROW))[1:]])
    with pytest.raises(ValueError, match=r"expected _blocks\.0\._bn2\.running_mean of shape \(8,\), got shape \(16,\)"):
        efficientnet_lite.build(weights, size=32, **NARROW)
