from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from cronnx_server.build_models.half_precision import half_precision
from cronnx_server.graphs.image_model import NETWORK, image_model, is_of_network
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task
from tests.unit.cronnx_server.build_models.small_classifier import session, small_classifier
from tests.unit.cronnx_server.build_models.test_quantisation import pixels


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return small_classifier()


@pytest.fixture(scope="module")
def fp16(model: ModelProto) -> ModelProto:
    return half_precision(model)


def types(model: ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {tensor.name: tensor.type.tensor_type.elem_type for tensor in (*inferred.value_info, *inferred.output)}


def test_inputs_and_outputs_are_kept_by_name_type_and_shape(model: ModelProto, fp16: ModelProto) -> None:
    assert list(fp16.graph.input) == list(model.graph.input)
    assert list(fp16.graph.output) == list(model.graph.output)


def test_the_model_is_valid_and_of_the_versions_it_was_in(model: ModelProto, fp16: ModelProto) -> None:
    checker.check_model(fp16, full_check=True)
    assert fp16.ir_version == model.ir_version
    assert list(fp16.opset_import) == list(model.opset_import)
    assert list(fp16.metadata_props) == list(model.metadata_props)


def test_every_layer_of_the_network_is_in_fp16(fp16: ModelProto) -> None:
    found = types(fp16)
    layers = [node for node in fp16.graph.node if node.op_type in ("Conv", "Gemm", "Clip", "Add")]
    assert {found[node.output[0]] for node in layers} == {TensorProto.FLOAT16}


def test_normalisation_and_head_stay_in_fp32(model: ModelProto, fp16: ModelProto) -> None:
    before, after = types(model), types(fp16)
    outside = [name for node in model.graph.node if not is_of_network(node) for name in node.output]
    assert {name: after[name] for name in outside} == {name: before[name] for name in outside}
    assert sum(node.op_type == "Cast" for node in fp16.graph.node) == 3, "one for bytes, two at the network's border"


def test_the_answers_are_close_to_those_in_fp32(model: ModelProto, fp16: ModelProto) -> None:
    names = ["logits", "served_by"]
    expected, found = (session(each).run(names, {"pixels": pixels(seed=4)}) for each in (model, fp16))
    noise = np.square(found[0] - expected[0]).mean() / expected[0].var()
    assert 0 < noise < 0.01
    assert found[1].tolist() == expected[1].tolist()


def test_operators_that_leave_the_range_of_fp16_stay_in_fp32() -> None:
    squares = helper.make_node("Pow", ["image", "two"], ["squares"])
    mean = helper.make_node("ReduceMean", ["squares"], ["vector"], axes=[2, 3], keepdims=0)
    graph = helper.make_graph(
        [squares, mean],
        "norm",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 4, 4])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.float32(2), "two")],
    )
    spec = ModelSpec(
        task=Task.EMBEDDING,
        output_format="vector",
        outputs=("vector",),
        recipe=Recipe(height=4, width=4),
        input=NetworkInput(name="image", scale=4.0),
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = image_model(network, spec, served_by="norm/1@0123abcd")
    bright = {"pixels": np.full((1, 4, 4, 3), 255, np.uint8)}
    (found,) = session(half_precision(model)).run(["embedding"], bright)
    np.testing.assert_allclose(found, np.full((1, 3), 3**-0.5), rtol=1e-3)
    assert types(half_precision(model))[f"{NETWORK}squares"] == TensorProto.FLOAT


@pytest.mark.usefixtures("fp16")
def test_the_model_given_is_not_changed(model: ModelProto) -> None:
    assert model.SerializeToString(deterministic=True) == small_classifier().SerializeToString(deterministic=True)
