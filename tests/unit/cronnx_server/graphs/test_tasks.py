from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from cronnx_server.graphs.image_model import image_model
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

Array = npt.NDArray[Any]


def constant_network(value: Array, *, opset: int = 17, side: int = 8) -> ModelProto:
    """A network whose `answer` is `value` for every image, and whose other output nobody asked for."""
    rank = value.ndim
    nodes = [
        helper.make_node("Shape", ["image"], ["batch"], start=0, end=1),
        helper.make_node("Concat", ["batch", "ones"], ["shape"], axis=0),
        helper.make_node("Expand", ["value", "shape"], ["answer"]),
        helper.make_node("Identity", ["image"], ["unused"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, side, side])
    answer = helper.make_tensor_value_info(
        "answer", helper.np_dtype_to_tensor_dtype(value.dtype), ["batch", *value.shape]
    )
    unused = helper.make_tensor_value_info("unused", TensorProto.FLOAT, ["batch", 3, side, side])
    constants = [
        numpy_helper.from_array(value[None], "value"),
        numpy_helper.from_array(np.ones(rank, np.int64), "ones"),
    ]
    graph = helper.make_graph(nodes, "constant", [image], [unused, answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(
    network: ModelProto,
    task: Task,
    output_format: str,
    *,
    geometry: list[float] | None = None,
    batch: int = 2,
    batchable: bool = True,
    **spec: Any,
) -> dict[str, Array]:
    found = image_model(
        network,
        ModelSpec(
            task=task,
            output_format=output_format,
            outputs=("answer",),
            recipe=Recipe(height=8, width=8),
            input=NetworkInput(name="image"),
            **spec,
        ),
        served_by="toy/1@0",
        batchable=batchable,
    )
    checker.check_model(found, full_check=True)
    session = onnxruntime.InferenceSession(found.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    inputs: dict[str, Array] = {"pixels": np.zeros((batch, 8, 8, 3), np.uint8)}
    if geometry:
        inputs["geometry"] = np.array([geometry] * batch, np.float32)
    assert {tensor.name for tensor in session.get_inputs()} == inputs.keys()
    assert [tensor.shape[0] for tensor in session.get_outputs()] == ["batch"] * len(names)
    return dict(zip(names, session.run(names, inputs), strict=True))


SCORES = np.array([0.5, 3.0, -1.0], np.float32)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("softmax", np.exp(SCORES) / np.exp(SCORES).sum()),
        ("sigmoid", 1 / (1 + np.exp(-SCORES))),
        ("none", SCORES),
    ],
)
def test_scores_are_made_by_the_activation(activation: str, expected: Array) -> None:
    answer = run(constant_network(SCORES), Task.MULTI_LABEL, "scores", labels=("a", "b", "c"), activation=activation)
    np.testing.assert_allclose(answer["score"][1], np.sort(expected)[::-1], rtol=1e-6)
    assert answer["label"][1].tolist() == ["b", "a", "c"]
    np.testing.assert_array_equal(answer["logits"], [SCORES] * 2)


def test_a_background_class_is_left_out() -> None:
    answer = run(constant_network(SCORES[::-1].copy()), Task.CLASSIFICATION, "scores", labels=("a", "b"), first_class=1)
    assert answer["label"][0].tolist() == ["a", "b"]


def test_one_column_scores_the_second_of_two_labels() -> None:
    answer = run(constant_network(np.array([0.25], np.float32)), Task.CLASSIFICATION, "scores", labels=("no", "yes"))
    assert answer["label"][0].tolist() == ["no", "yes"]
    np.testing.assert_allclose(answer["score"][0], [0.75, 0.25])


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 labels"):
        run(constant_network(SCORES), Task.CLASSIFICATION, "scores", labels=("a", "b"))


@pytest.mark.parametrize("opset", [17, 18, 20])
@pytest.mark.parametrize(
    ("value", "output_format"),
    [
        (np.array([3, 4], np.float32), "vector"),
        (np.array([3, 4], np.float32).reshape(2, 1, 1), "vector"),
        (np.array([[3, 4], [9, 9]], np.float32), "cls_token"),
    ],
)
def test_an_embedding_has_length_1(value: Array, output_format: str, opset: int) -> None:
    answer = run(constant_network(value, opset=opset), Task.EMBEDDING, output_format)
    np.testing.assert_allclose(answer["embedding"], [[0.6, 0.8]] * 2, rtol=1e-6)


def test_a_vector_of_zeros_stays_one() -> None:
    answer = run(constant_network(np.zeros(4, np.float32)), Task.EMBEDDING, "vector")
    np.testing.assert_array_equal(answer["embedding"], np.zeros((2, 4)))


@pytest.mark.parametrize("shape", [(4, 2), (1, 4, 2)])
def test_depths_are_the_networks_and_lie_on_its_grid(shape: tuple[int, ...]) -> None:
    depth = np.arange(8, dtype=np.float32).reshape(shape)
    answer = run(constant_network(depth), Task.DEPTH, "depth", geometry=[16, 4, 0.5, 2, 0, -1])
    np.testing.assert_array_equal(answer["depth"], [depth.reshape(4, 2)] * 2)
    np.testing.assert_allclose(answer["grid_geometry"], [[16, 4, 0.125, 1, 0, -0.5]] * 2)


@pytest.mark.parametrize("output_format", ["class_logits", "class_logits_nhwc"])
def test_a_class_map_has_the_pixels_of_the_photograph(output_format: str) -> None:
    logits = np.zeros((3, 4, 4), np.float32)
    logits[1, :, :2] = logits[2, :, 2:] = 1
    value = logits.transpose(1, 2, 0).copy() if output_format.endswith("nhwc") else logits
    answer = run(
        constant_network(value),
        Task.SEMANTIC_SEGMENTATION,
        output_format,
        geometry=[16, 8, 0.5, 0.5, 0, 2],
        labels=("a", "b", "c"),
    )
    np.testing.assert_allclose(answer["grid_geometry"], [[16, 8, 1, 1, 0, 0]] * 2)
    assert answer["class_map"].dtype == np.uint8
    np.testing.assert_array_equal(answer["class_map"][1, :8, :16], [[1] * 8 + [2] * 8] * 8)
    assert answer["label"].tolist() == [["a", "b", "c"]] * 2


def test_one_class_is_there_where_its_logit_is_above_0() -> None:
    logits = np.array([[[-1, 1], [-1, 1]]], np.float32)
    answer = run(
        constant_network(logits),
        Task.SEMANTIC_SEGMENTATION,
        "class_logits",
        geometry=[8, 8, 1, 1, 0, 0],
        labels=("road",),
    )
    np.testing.assert_array_equal(answer["class_map"][0, :8, :8], [[0] * 4 + [1] * 4] * 8)


def test_a_map_of_classes_is_passed_on() -> None:
    value = np.array([[[0, 1], [2, 1]]], np.int64)
    answer = run(
        constant_network(value),
        Task.SEMANTIC_SEGMENTATION,
        "class_map",
        geometry=[8, 8, 1, 1, 0, 0],
        labels=("a", "b", "c"),
    )
    np.testing.assert_array_equal(answer["class_map"], [value[0]] * 2)
    np.testing.assert_allclose(answer["grid_geometry"], [[8, 8, 0.25, 0.25, 0, 0]] * 2)


def test_a_network_of_one_image_declares_a_variable_batch() -> None:
    network = constant_network(SCORES)
    for tensor in (*network.graph.input, *network.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 1
    answer = run(network, Task.CLASSIFICATION, "scores", labels=("a", "b", "c"), batch=1, batchable=False)
    assert answer["label"][0].tolist() == ["b", "a", "c"]
