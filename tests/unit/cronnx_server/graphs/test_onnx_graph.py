from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper

from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS, standard_form
from tests.unit.cronnx_server.build_models.zoo_twins import TWINS, mobilenetv2_7

every_twin = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


def run(model: ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (scores,) = session.run(None, {session.get_inputs()[0].name: images})
    return scores


def images(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, 3, 224, 224)).astype(np.float32)


@every_twin
def test_a_published_network_computes_what_it_did(twin: Callable[[], ModelProto]) -> None:
    np.testing.assert_allclose(run(standard_form(twin()), images(1)), run(twin(), images(1)), rtol=1e-5, atol=1e-5)


@every_twin
def test_a_published_network_takes_batches_without_a_warning(
    twin: Callable[[], ModelProto], capfd: pytest.CaptureFixture[str]
) -> None:
    batch, model = images(3), standard_form(twin())
    one_by_one = np.concatenate([run(model, image[None]) for image in batch])
    np.testing.assert_allclose(run(model, batch), one_by_one, rtol=1e-5, atol=1e-5)
    assert "[W:onnxruntime" not in capfd.readouterr().err


@every_twin
def test_a_published_network_comes_to_this_projects_opset(twin: Callable[[], ModelProto]) -> None:
    model = standard_form(twin())
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == IR_VERSION
    assert [opset.version for opset in model.opset_import] == [OPSETS[0].version]


def test_a_newer_opset_stays() -> None:
    """GELU is an operator since opset 20 and has no older form."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("one", "other")]
    graph = helper.make_graph([helper.make_node("Gelu", ["one"], ["other"])], "gelu", tensors[:1], tensors[1:])
    model = standard_form(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 20
    assert model.ir_version == 9


def test_initializers_are_constants_afterwards() -> None:
    assert len(mobilenetv2_7().graph.input) > 1
    assert [tensor.name for tensor in standard_form(mobilenetv2_7()).graph.input] == ["data"]


def test_the_published_network_itself_is_left_as_it_was() -> None:
    twin = mobilenetv2_7()
    standard_form(twin)
    assert twin == mobilenetv2_7()


def test_a_network_of_two_inputs_is_refused_by_their_names() -> None:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("one", "other", "sum")]
    graph = helper.make_graph([helper.make_node("Add", ["one", "other"], ["sum"])], "add", tensors[:2], tensors[2:])
    with pytest.raises(ValueError, match=r"expected one input .*, got 2 \(one, other\)"):
        standard_form(helper.make_model(graph, opset_imports=OPSETS[:1]))
