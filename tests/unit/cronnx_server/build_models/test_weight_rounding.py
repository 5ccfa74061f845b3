from __future__ import annotations

import numpy as np
import pytest

from cronnx_server.build_models.byte_input import over_bytes
from cronnx_server.build_models.graph_edit import GraphEdit
from cronnx_server.build_models.layer_inputs import Moments
from cronnx_server.build_models.quantisation import quantised
from cronnx_server.build_models.torch_weights import Array
from cronnx_server.build_models.weight_rounding import rounded, with_rounded_weights
from tests.unit.cronnx_server.build_models.small_classifier import small_classifier

OUTPUTS, DEPTH, SAMPLES = 6, 9, 500
KERNELS = (OUTPUTS, 1, 3, 3)


@pytest.fixture
def weights() -> Array:
    return np.random.default_rng(seed=7).standard_normal((OUTPUTS, DEPTH)).astype(np.float32)


def scales(weights: Array) -> Array:
    largest: Array = np.abs(weights).max(1) / 7  # coarse, so that rounding matters
    return largest


def smooth(*, groups: int) -> Array:
    """Inputs [groups, samples, depth] that go together, as neighbouring pixels do, with a mean."""
    rng = np.random.default_rng(seed=8)
    shared, own = rng.standard_normal((groups, SAMPLES, 1)), rng.standard_normal((groups, SAMPLES, DEPTH))
    seen: Array = 3 + shared + 0.2 * own
    return seen


def moments(seen: Array) -> Moments:
    return Moments(seen.mean(1), np.stack([np.cov(group.T, bias=True) for group in seen]))


def outputs(kernels: Array, seen: Array) -> Array:
    """[groups, samples, outputs of a group]."""
    found: Array = seen @ kernels.reshape(len(seen), -1, DEPTH).transpose(0, 2, 1)
    return found


@pytest.mark.parametrize("groups", [1, 2, OUTPUTS])
def test_outputs_are_nearer_than_with_each_weight_rounded_by_itself(weights: Array, groups: int) -> None:
    seen, step = smooth(groups=groups), scales(weights)[:, None]
    integers, _ = rounded(weights.reshape(KERNELS), step[:, 0], moments(seen))
    nearest = np.rint(weights / step)
    error, error_of_nearest = (
        outputs(weights - found * step, seen).std() for found in (integers.reshape(weights.shape), nearest)
    )
    assert error < error_of_nearest / 2


@pytest.mark.parametrize("groups", [1, OUTPUTS])
def test_what_is_lost_in_the_mean_is_told(weights: Array, groups: int) -> None:
    seen, step = smooth(groups=groups), scales(weights)
    integers, lost = rounded(weights.reshape(KERNELS), step, moments(seen))
    missing = outputs(weights - integers.reshape(weights.shape) * step[:, None], seen).mean(1)
    np.testing.assert_allclose(lost, missing.ravel(), atol=1e-5)


def test_inputs_that_do_not_go_together_leave_each_weight_its_nearest_integer(weights: Array) -> None:
    integers, _ = rounded(weights.reshape(KERNELS), scales(weights), Moments(np.zeros((1, DEPTH)), np.eye(DEPTH)[None]))
    np.testing.assert_array_equal(integers.reshape(weights.shape), np.rint(weights / scales(weights)[:, None]))


def test_weights_of_1x1_kernels_are_rounded_each_by_itself(weights: Array) -> None:
    integers, lost = rounded(weights[..., None, None], scales(weights), moments(smooth(groups=1)))
    np.testing.assert_array_equal(integers[..., 0, 0], np.rint(weights / scales(weights)[:, None]))
    assert lost.any()


def test_inputs_that_are_always_zero_lose_nothing(weights: Array) -> None:
    dead = Moments(np.zeros((1, DEPTH)), np.zeros((1, DEPTH, DEPTH)))
    integers, lost = rounded(weights.reshape(KERNELS), scales(weights), dead)
    np.testing.assert_array_equal(integers.reshape(weights.shape), np.rint(weights / scales(weights)[:, None]))
    assert not lost.any()


def test_integers_are_symmetric_and_of_the_weights_shape(weights: Array) -> None:
    integers, _ = rounded(weights.reshape(KERNELS), np.abs(weights).max(1) / 127, moments(smooth(groups=OUTPUTS)))
    assert integers.dtype == np.int8
    assert integers.shape == KERNELS
    assert integers.min() >= -127


def test_the_weights_and_bias_of_the_layers_named_are_put_into_the_model_and_nothing_else_is() -> None:
    model = small_classifier()
    pixels = np.random.default_rng(seed=9).integers(0, 256, (2, 32, 32, 3), np.uint8)
    int8, name = quantised(model, calibration=[pixels]), "network/_conv_head"
    weights, bias = GraphEdit(over_bytes(model)).constants([f"{name}.weight", f"{name}.bias"])
    depth = weights.shape[1]
    unlike = Moments(np.ones((1, depth)), np.eye(depth)[None])
    found = GraphEdit(with_rounded_weights(int8, model=over_bytes(model), inputs={name: unlike}))

    names = [f"{name}.{constant}" for constant in ("weight_quantized", "weight_scale", "bias_quantized_scale")]
    integers, scales, bias_scales = found.constants(names)
    expected, lost = rounded(weights, scales, unlike)
    np.testing.assert_array_equal(integers, expected)
    np.testing.assert_allclose(
        found.constants([f"{name}.bias_quantized"])[0] * bias_scales, bias + lost, atol=bias_scales.max()
    )

    before = {tensor.name: tensor for tensor in int8.graph.initializer}
    changed = {tensor.name for tensor in found.graph.initializer if tensor != before[tensor.name]}
    assert changed <= {f"{name}.weight_quantized", f"{name}.bias_quantized"}
