from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from cronnx_server.build_models.byte_input import with_byte_input
from cronnx_server.build_models.quantisation import quantise
from cronnx_server.build_models.weight_rounding import (
    Moments,
    input_moments,
    patches,
    rounded,
    with_rounded_weights,
)
from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS, GraphEdit
from tests.unit.cronnx_server.build_models.small_classifier import small_classifier

OUTPUTS, DEPTH, SAMPLES = 6, 9, 500
KERNELS = (OUTPUTS, 1, 3, 3)


@pytest.fixture
def weights() -> npt.NDArray[Any]:
    return np.random.default_rng(seed=7).standard_normal((OUTPUTS, DEPTH)).astype(np.float32)


def scales(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    largest: npt.NDArray[Any] = np.abs(weights).max(1) / 7  # coarse, so that rounding matters
    return largest


def smooth(*, groups: int) -> npt.NDArray[Any]:
    """Inputs [groups, samples, depth] that correlate, like neighbouring pixels, with a mean."""
    rng = np.random.default_rng(seed=8)
    shared, own = rng.standard_normal((groups, SAMPLES, 1)), rng.standard_normal((groups, SAMPLES, DEPTH))
    seen: npt.NDArray[Any] = 3 + shared + 0.2 * own
    return seen


def moments_of(seen: npt.NDArray[Any]) -> Moments:
    return Moments(seen.mean(1), np.stack([np.cov(group.T, bias=True) for group in seen]))


def outputs(kernels: npt.NDArray[Any], seen: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[groups, samples, outputs of a group]."""
    found: npt.NDArray[Any] = seen @ kernels.reshape(len(seen), -1, DEPTH).transpose(0, 2, 1)
    return found


@pytest.mark.parametrize("groups", [1, 2, OUTPUTS])
def test_outputs_are_nearer_than_with_each_weight_rounded_by_itself(weights: npt.NDArray[Any], groups: int) -> None:
    seen, step = smooth(groups=groups), scales(weights)[:, None]
    integers, _ = rounded(weights.reshape(KERNELS), step[:, 0], moments_of(seen))
    nearest = np.rint(weights / step)
    error, error_of_nearest = (
        outputs(weights - found * step, seen).std() for found in (integers.reshape(weights.shape), nearest)
    )
    assert error < error_of_nearest / 2


@pytest.mark.parametrize("groups", [1, OUTPUTS])
def test_the_mean_error_of_each_output_is_returned(weights: npt.NDArray[Any], groups: int) -> None:
    seen, step = smooth(groups=groups), scales(weights)
    integers, lost = rounded(weights.reshape(KERNELS), step, moments_of(seen))
    missing = outputs(weights - integers.reshape(weights.shape) * step[:, None], seen).mean(1)
    np.testing.assert_allclose(lost, missing.ravel(), atol=1e-5)


def test_inputs_that_do_not_go_together_leave_each_weight_its_nearest_integer(weights: npt.NDArray[Any]) -> None:
    integers, _ = rounded(weights.reshape(KERNELS), scales(weights), Moments(np.zeros((1, DEPTH)), np.eye(DEPTH)[None]))
    np.testing.assert_array_equal(integers.reshape(weights.shape), np.rint(weights / scales(weights)[:, None]))


def test_weights_of_1x1_kernels_are_rounded_each_by_itself(weights: npt.NDArray[Any]) -> None:
    integers, lost = rounded(weights[..., None, None], scales(weights), moments_of(smooth(groups=1)))
    np.testing.assert_array_equal(integers[..., 0, 0], np.rint(weights / scales(weights)[:, None]))
    assert lost.any()


def test_inputs_that_are_always_zero_lose_nothing(weights: npt.NDArray[Any]) -> None:
    dead = Moments(np.zeros((1, DEPTH)), np.zeros((1, DEPTH, DEPTH)))
    integers, lost = rounded(weights.reshape(KERNELS), scales(weights), dead)
    np.testing.assert_array_equal(integers.reshape(weights.shape), np.rint(weights / scales(weights)[:, None]))
    assert not lost.any()


def test_integers_are_symmetric_and_of_the_weights_shape(weights: npt.NDArray[Any]) -> None:
    integers, _ = rounded(weights.reshape(KERNELS), np.abs(weights).max(1) / 127, moments_of(smooth(groups=OUTPUTS)))
    assert integers.dtype == np.int8
    assert integers.shape == KERNELS
    assert integers.min() >= -127


def test_the_weights_and_bias_of_the_layers_named_are_put_into_the_model_and_nothing_else_is() -> None:
    model = small_classifier()
    pixels = np.random.default_rng(seed=9).integers(0, 256, (2, 32, 32, 3), np.uint8)
    int8, name = quantise(model, calibration=[{"pixels": pixels}]), "network/_conv_head"
    weights, bias = GraphEdit(with_byte_input(model)).constants([f"{name}.weight", f"{name}.bias"])
    depth = weights.shape[1]
    unlike = Moments(np.ones((1, depth)), np.eye(depth)[None])
    found = GraphEdit(with_rounded_weights(int8, model=with_byte_input(model), inputs={name: unlike}))

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


GEOMETRIES = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 1, 0], "strides": [2, 1]},
    {"pads": [0, 0, 1, 1], "strides": [2, 2], "group": 2},
    {"pads": [1, 1, 1, 1], "group": 4},
]


def noise(*shape: int) -> npt.NDArray[Any]:
    return np.random.default_rng(seed=6).standard_normal(shape).astype(np.float32)


def convolution(**geometry: Any) -> NodeProto:
    return helper.make_node("Conv", ["features", "weight", "bias"], ["convolved"], name="layer", **geometry)


def model_of(layer: NodeProto, weight: npt.NDArray[Any]) -> ModelProto:
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 4, 8, 8])
    convolved = helper.make_tensor_value_info("convolved", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(noise(len(weight)), "bias")]
    graph = helper.make_graph([layer], "one_layer", [features], [convolved], constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_weights_times_patches_are_what_the_convolution_gives(geometry: dict[str, Any]) -> None:
    groups = geometry.get("group", 1)
    features, weight, layer = noise(2, 4, 8, 8), noise(8, 4 // groups, 3, 3), convolution(**geometry)
    session = onnxruntime.InferenceSession(model_of(layer, weight).SerializeToString())
    (expected,) = session.run(None, {"features": features})
    seen = patches(features, layer, (3, 3))
    found = (seen @ weight.reshape(groups, 8 // groups, -1).transpose(0, 2, 1)).transpose(0, 2, 1).reshape(8, 2, -1)
    biased = found.transpose(1, 0, 2) + noise(8)[:, None]
    np.testing.assert_allclose(biased, expected.reshape(2, 8, -1), atol=1e-4)


def test_of_a_large_input_a_grid_of_positions_is_taken() -> None:
    features = np.arange(40 * 30, dtype=np.float32).reshape(1, 1, 40, 30)
    assert patches(features, convolution(), (1, 1)).ravel().tolist() == features[0, 0, 2::5, 2::4].ravel().tolist()


def test_moments_are_those_over_all_positions_and_pictures() -> None:
    layer, features = convolution(group=2), noise(6, 4, 8, 8)
    found = input_moments(model_of(layer, noise(4, 2, 3, 3)), [{"features": features[:2]}, {"features": features[2:]}])[
        "layer"
    ]
    seen = patches(features, layer, (3, 3))
    np.testing.assert_allclose(found.mean, seen.mean(1), atol=1e-9)
    np.testing.assert_allclose(found.covariance, [np.cov(group.T, bias=True) for group in seen], atol=1e-9)


def test_dilated_convolutions_are_left_out() -> None:
    assert (
        input_moments(model_of(convolution(dilations=[2, 2]), noise(4, 4, 3, 3)), [{"features": noise(1, 4, 8, 8)}])
        == {}
    )
