from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from cronnx_server.build_models.layer_inputs import moments, patches
from cronnx_server.build_models.onnx_format import IR_VERSION, OPSETS
from cronnx_server.build_models.torch_weights import Array

GEOMETRIES = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 1, 0], "strides": [2, 1]},
    {"pads": [0, 0, 1, 1], "strides": [2, 2], "group": 2},
    {"pads": [1, 1, 1, 1], "group": 4},
]


def noise(*shape: int) -> Array:
    return np.random.default_rng(seed=6).standard_normal(shape).astype(np.float32)


def convolution(**geometry: Any) -> NodeProto:
    return helper.make_node("Conv", ["features", "weight", "bias"], ["convolved"], name="layer", **geometry)


def model_of(layer: NodeProto, weight: Array) -> ModelProto:
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
    found = moments(model_of(layer, noise(4, 2, 3, 3)), [features[:2], features[2:]])["layer"]
    seen = patches(features, layer, (3, 3))
    np.testing.assert_allclose(found.mean, seen.mean(1), atol=1e-9)
    np.testing.assert_allclose(found.covariance, [np.cov(group.T, bias=True) for group in seen], atol=1e-9)


def test_dilated_convolutions_are_left_out() -> None:
    assert moments(model_of(convolution(dilations=[2, 2]), noise(4, 4, 3, 3)), [noise(1, 4, 8, 8)]) == {}
