from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import ModelProto, checker

from cronnx_server.build_models.byte_input import with_byte_input
from tests.unit.cronnx_server.build_models.small_classifier import logits, small_classifier


def operators(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def stem_shape(model: ModelProto) -> tuple[int, ...]:
    return next(tuple(tensor.dims) for tensor in model.graph.initializer if tensor.name == "network/_conv_stem.weight")


def pixels(*, size: int) -> np.ndarray:
    return np.random.default_rng(seed=3).integers(0, 256, (2, size, size, 3), np.uint8)


def test_bytes_are_dequantised_and_taken_in_quads() -> None:
    model = with_byte_input(small_classifier())
    checker.check_model(model, full_check=True)
    assert not operators(model).keys() & {"Cast", "Sub", "Mul"}
    assert operators(model)["DequantizeLinear"] == 1
    assert stem_shape(model) == (64, 12, 3, 2)


@pytest.mark.parametrize("size", [32, 36])
def test_the_logits_stay_what_they_were(size: int) -> None:
    model = small_classifier(size=size)
    expected = logits(model, pixels(size=size))
    np.testing.assert_allclose(logits(with_byte_input(model), pixels(size=size)), expected, rtol=0, atol=1e-3)


def test_the_model_given_is_not_changed() -> None:
    model = small_classifier()
    before = model.SerializeToString(deterministic=True)
    with_byte_input(model)
    assert model.SerializeToString(deterministic=True) == before


def test_constants_of_what_was_replaced_are_gone() -> None:
    model = with_byte_input(small_classifier())
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used


@pytest.mark.parametrize("size", [33, 34])
def test_a_width_that_is_no_whole_number_of_quads_keeps_its_stem(size: int) -> None:
    model = small_classifier(size=size)
    found = with_byte_input(model)
    assert stem_shape(found) == stem_shape(model)
    np.testing.assert_allclose(logits(found, pixels(size=size)), logits(model, pixels(size=size)), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "normalisation",
    [
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (0.5,) * 3, "std": (0.5,) * 3},
        {"mean": (-1 / 255,) * 3, "std": (0.5,) * 3},
    ],
    ids=["different for each channel", "of a mean between two bytes", "of a mean below every byte"],
)
def test_a_normalisation_that_is_no_dequantisation_is_kept(normalisation: dict[str, tuple[float, ...]]) -> None:
    model = small_classifier(**normalisation)
    assert operators(with_byte_input(model)) == operators(model)
