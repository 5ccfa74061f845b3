from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Signature, Tensor
from tests.unit.cronnx_onnxruntime import graphs
from tests.unit.cronnx_onnxruntime.configs import Config, config, tensor


def signature(model: bytes) -> Signature:
    return Signature.of(onnxruntime.InferenceSession(model))


AS_NONE: Config = {"reshape": {"shape": []}}


def identity_config(dims: list[int], *, max_batch_size: int = 0, **changes: Config) -> Config:
    entries = {name: tensor(name, dims) | changes.get(name, {}) for name in ("x", "y")}
    return config([entries["x"]], [entries["y"]], max_batch_size=max_batch_size)


def test_names_types_and_shapes_are_the_graphs() -> None:
    assert signature(graphs.identity(("batch", 3, "width"), onnx_type=TensorProto.FLOAT16)) == Signature(
        inputs=(Tensor("x", "TYPE_FP16", (-1, 3, -1)),), outputs=(Tensor("y", "TYPE_FP16", (-1, 3, -1)),)
    )


def test_every_type_is_read() -> None:
    read = signature(graphs.every_type())
    assert {each.name: each.data_type for each in read.inputs} == {f"{name}_in": name for name in graphs.TYPES}


def test_an_input_with_a_default_is_optional() -> None:
    assert [(each.name, each.optional) for each in signature(graphs.with_default()).inputs] == [
        ("x", False),
        ("offset", True),
    ]


@pytest.mark.parametrize(
    ("shape", "batchable"), [(("batch", 3), True), (("batch",), True), ((2, 3), False), ((), False)]
)
def test_a_graph_batches_where_the_first_dimension_of_every_tensor_varies(
    shape: tuple[int | str, ...], batchable: bool
) -> None:
    assert signature(graphs.identity(shape)).batchable is batchable


def test_an_input_with_a_default_does_not_end_batching() -> None:
    assert signature(graphs.with_default(("batch", 3))).batchable


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        (("batch", 3), identity_config([3], max_batch_size=4)),
        (("batch", 3), identity_config([-1, 3])),
        (("batch", 3), identity_config([-1, 3], x={"dims": [2, 3]})),
        ((2, 3), identity_config([2, 3], x={"dims": [-1, 3]})),
        ((2, 3), identity_config([6], x={"reshape": {"shape": [2, 3]}}, y={"reshape": {"shape": [2, 3]}})),
        (
            ("batch",),
            identity_config([1], max_batch_size=4, x=AS_NONE, y=AS_NONE),
        ),
        ((), identity_config([1])),
        ((), identity_config([1, 1])),
    ],
)
def test_a_configuration_that_fits_is_accepted(shape: tuple[int | str, ...], given: Config) -> None:
    signature(graphs.identity(shape)).check(given)


@pytest.mark.parametrize(
    ("shape", "given", "reason"),
    [
        (("batch", 3), identity_config([4], max_batch_size=4), "input 'x': expected dims .3. as in the graph, got .4."),
        (("batch", 3), identity_config([3, 1], max_batch_size=4), "input 'x': .* got .3, 1."),
        (("batch", 3), identity_config([3], x={"dims": [-1, 3]}), "output 'y': expected dims .* got .3."),
        (
            ("batch", "n"),
            identity_config([5], max_batch_size=4),
            "output 'y': expected dims .-1. as in the graph, got .5.",
        ),
        (("batch",), identity_config([1], max_batch_size=4), "input 'x': expected dims .. as in the graph, got .1."),
        ((), identity_config([2]), "input 'x': expected dims .1. as in the graph, got .2."),
        ((), identity_config([1], x={"dims": [-1]}), "input 'x': expected dims .1. as in the graph, got .-1."),
        ((2, 3), identity_config([3], max_batch_size=4), "max_batch_size: expected 0, .* input 'x' is fixed, got 4"),
        ((2,), identity_config([2], x={"data_type": "TYPE_FP16"}), "input 'x': expected TYPE_FP32 .* got TYPE_FP16"),
        ((2,), identity_config([2], y={"data_type": "TYPE_INT8"}), "output 'y': expected TYPE_FP32 .* got TYPE_INT8"),
        ((2,), identity_config([2], y={"name": "z"}), "output: expected one of the graph's outputs .y., got 'z'"),
        ((2,), identity_config([2], x={"name": "z"}), "input: expected an entry for 'x'"),
        ((2,), identity_config([2], x={"optional": True}), "input 'x': expected no optional: true, .* no default"),
    ],
)
def test_a_configuration_that_differs_is_refused_with_the_tensors_name(
    shape: tuple[int | str, ...], given: Config, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        signature(graphs.identity(shape)).check(given)


def test_an_input_the_graph_does_not_have_is_refused() -> None:
    given = config([tensor("x", [2]), tensor("mask", [2])], [tensor("y", [2])])
    with pytest.raises(ConfigError, match=r"input: expected one of the graph's inputs .x., got 'mask'"):
        signature(graphs.identity((2,))).check(given)


def test_an_output_may_be_left_out() -> None:
    inputs = [tensor("a", [3]), tensor("b", [3])]
    signature(graphs.sum_and_difference((3,))).check(config(inputs, [tensor("sum", [3])]))


def test_an_input_with_a_default_may_be_left_out() -> None:
    signature(graphs.with_default()).check(config([tensor("x", [3])], [tensor("y", [3])]))


def with_offset(*, max_batch_size: int = 0, **fields: Any) -> Config:
    inputs = [tensor("x", [3]), tensor("offset", [1], **fields)]
    return config(inputs, [tensor("y", [3])], max_batch_size=max_batch_size)


def test_an_input_with_a_default_may_be_optional() -> None:
    signature(graphs.with_default()).check(with_offset(optional=True))


def test_an_input_with_a_default_must_be_optional() -> None:
    with pytest.raises(ConfigError, match=r"input 'offset': expected optional: true, .* a default"):
        signature(graphs.with_default()).check(with_offset())


def test_an_optional_input_and_batches_exclude_each_other() -> None:
    model = graphs.model(
        [helper.make_node("Add", ["x", "offset"], ["y"])],
        [graphs.tensor("x", ["batch", 3]), graphs.tensor("offset", ["batch", 1])],
        [graphs.tensor("y", ["batch", 3])],
        initializers={"offset": np.ones((1, 1), np.float32)},
    )
    with pytest.raises(ConfigError, match=r"max_batch_size: expected 0, .*'offset' is optional, got 4"):
        signature(model).check(with_offset(max_batch_size=4, optional=True))


def ragged_config(**changes: Any) -> Config:
    counted = [
        {"target_name": ["ends_in"], "data_type": "TYPE_INT32"},
        {"target_name": ["shapes_in"], "data_type": "TYPE_FP32"},
    ]
    scattered = [{"target_name": ["y"]}]
    given = config([tensor("x", [-1], allow_ragged_batch=True)], [tensor("y", [-1])], max_batch_size=8)
    return {**given, "batch_input": counted, "batch_output": scattered, **changes}


def test_batch_inputs_are_inputs_and_a_batch_output_has_dims_of_its_own() -> None:
    signature(graphs.doubled_in_segments()).check(ragged_config())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_input": []}, "input: expected an entry for 'ends_in'"),
        (
            {"batch_input": [{"target_name": ["ends_in", "shapes_in"], "data_type": "TYPE_INT32"}]},
            "batch_input 'shapes_in': expected TYPE_FP32 as in the graph, got TYPE_INT32",
        ),
        ({"batch_output": []}, r"output 'y': expected dims \[\] as in the graph, got \[-1\]"),
    ],
)
def test_ragged_tensors_that_differ_from_the_graph_are_refused_by_name(changes: Config, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        signature(graphs.doubled_in_segments()).check(ragged_config(**changes))


def test_a_batch_input_that_the_graph_does_not_have_is_refused_by_name() -> None:
    given = config([tensor("x", [3])], [tensor("y", [3])], max_batch_size=8)
    extra = {"batch_input": [{"target_name": ["lengths"], "data_type": "TYPE_INT32"}]}
    with pytest.raises(ConfigError, match=r"batch_input: expected one of the graph's inputs .x., got 'lengths'"):
        signature(graphs.identity()).check({**given, **extra})


def test_a_ragged_input_of_a_graph_with_more_than_one_dimension_is_refused() -> None:
    given = config([tensor("x", [3], allow_ragged_batch=True)], [tensor("y", [3])], max_batch_size=8)
    with pytest.raises(ConfigError, match=r"'x': expected dims \[-1\] .*, got \[-1, 3\]"):
        signature(graphs.identity()).check(given)
