from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from cronnx_onnxruntime import runner
from cronnx_onnxruntime.errors import ConfigError, InferenceError
from cronnx_onnxruntime.runner import Answer, Request, Runner
from tests.unit.cronnx_onnxruntime import graphs
from tests.unit.cronnx_onnxruntime.configs import Config, accelerated, config, parameters, tensor

Load = Callable[[bytes, Config], Runner]

BATCHING: Config = {"max_batch_size": 8, "dynamic_batching": {}}
SUMS = config([tensor("a", [3]), tensor("b", [3])], [tensor("sum", [3]), tensor("difference", [3])], **BATCHING)
TEXT = config([tensor("x", [1], "TYPE_STRING")], [tensor("y", [1], "TYPE_STRING")], **BATCHING)
OFFSET = config([tensor("x", [3]), tensor("offset", [1], optional=True)], [tensor("y", [3])])
UNLIKE = config([tensor("a", [-1]), tensor("b", [-1])], [tensor("y", [-1])], **BATCHING)
NON_ZERO = config([tensor("x", [3])], [tensor("y", [2], "TYPE_INT64")], **BATCHING)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(model: bytes, given: Config) -> Runner:
        path = tmp_path / "model.onnx"
        path.write_bytes(model)
        return Runner(path, given, kind="CPU", device_id=0)

    return load


def outputs(answer: Answer) -> dict[str, npt.NDArray[Any]]:
    assert not isinstance(answer, InferenceError), answer
    return answer


def text(*elements: bytes) -> npt.NDArray[Any]:
    return np.array([[element] for element in elements], dtype=object)


def rows(count: int, value: float) -> npt.NDArray[np.float32]:
    return np.full((count, 3), value, np.float32)


def sum_request(count: int, value: float, *wanted: str) -> Request:
    return Request({"a": rows(count, value), "b": rows(count, 1)}, wanted or ("sum", "difference"))


def test_requests_of_any_size_are_answered_in_order(load: Load) -> None:
    answers = load(graphs.sum_and_difference(), SUMS).answers([sum_request(size, size) for size in (1, 4, 2)])
    for size, answer in zip((1, 4, 2), answers, strict=True):
        np.testing.assert_array_equal(outputs(answer)["sum"], rows(size, size + 1))
        np.testing.assert_array_equal(outputs(answer)["difference"], rows(size, size - 1))


@pytest.mark.parametrize(("threads", "runs"), [("1", 3), ("2", 4), ("8", 6)])
def test_the_requests_of_a_batch_are_shared_out_between_runs(load: Load, threads: str, runs: int) -> None:
    given = SUMS | {"parameters": parameters(intra_op_thread_count=threads)["parameters"]}
    requests = [sum_request(1, value) for value in range(6)]
    sums = [outputs(answer)["sum"] for answer in load(graphs.sum_and_difference(), given).answers(requests)]
    assert [each[0, 0] for each in sums] == [1, 2, 3, 4, 5, 6]
    assert len({id(each.base) for each in sums}) == runs


@pytest.mark.parametrize("sizes", [[8], [3, 1, 4], [0, 2]])
def test_the_rows_of_a_request_come_back_in_order_from_several_runs(load: Load, sizes: list[int]) -> None:
    arrays = [np.arange(3 * size, dtype=np.float32).reshape(size, 3) + 100 * size for size in sizes]
    requests = [Request({"a": array, "b": array}, ("sum", "difference")) for array in arrays]
    answers = load(graphs.sum_and_difference(), SUMS).answers(requests)
    for array, answer in zip(arrays, answers, strict=True):
        np.testing.assert_array_equal(outputs(answer)["sum"], 2 * array)
        np.testing.assert_array_equal(outputs(answer)["difference"], 0 * array)


def test_without_a_dynamic_batcher_a_request_is_one_run(load: Load) -> None:
    given = {name: value for name, value in NON_ZERO.items() if name != "dynamic_batching"}
    (answer,) = load(graphs.non_zero(), given).answers([Request({"x": np.eye(2, 3, dtype=np.float32)}, ("y",))])
    assert outputs(answer)["y"].tolist() == [[0, 0], [1, 1]], "the second row of a run of its own would be [0, 1]"


def test_a_request_of_which_a_part_fails_has_its_error(load: Load) -> None:
    x = np.eye(4, 3, dtype=np.float32)
    x[3] = 1
    two_runs = {"parameters": parameters(intra_op_thread_count="2")["parameters"]}
    (answer,) = load(graphs.non_zero(), NON_ZERO | two_runs).answers([Request({"x": x}, ("y",))])
    assert isinstance(answer, InferenceError)
    assert "expected 2 rows, as many as in the batch, got 4" in str(answer)


def test_no_requests_have_no_answers(load: Load) -> None:
    assert load(graphs.sum_and_difference(), SUMS).answers([]) == []


def test_an_output_that_no_request_wants_is_not_given(load: Load) -> None:
    (answer,) = load(graphs.sum_and_difference(), SUMS).answers([sum_request(1, 1, "sum")])
    assert list(outputs(answer)) == ["sum"]


def test_requests_may_want_different_outputs(load: Load) -> None:
    requests = [sum_request(1, 1, "sum"), sum_request(1, 1, "difference")]
    first, second = load(graphs.sum_and_difference(), SUMS).answers(requests)
    assert "sum" in outputs(first)
    assert "difference" in outputs(second)


@pytest.mark.parametrize("data_type", [name for name in graphs.TYPES if name != "TYPE_STRING"])
def test_a_tensor_of_every_type_keeps_its_bits(load: Load, data_type: str) -> None:
    given = config([tensor("x", [4], data_type)], [tensor("y", [4], data_type)], max_batch_size=8)
    onnx_type = graphs.TYPES[data_type]
    dtype = helper.tensor_dtype_to_np_dtype(onnx_type)
    array = np.array([[0, 1, 1, 0], [1, 0, 1, 1]]).astype(dtype)
    (answer,) = load(graphs.identity(("batch", 4), onnx_type=onnx_type), given).answers([Request({"x": array}, ("y",))])
    assert outputs(answer)["y"].dtype == dtype
    assert outputs(answer)["y"].tobytes() == array.tobytes()


def test_text_keeps_its_null_bytes_and_accents(load: Load) -> None:
    runner = load(graphs.identity(("batch", 1), onnx_type=TensorProto.STRING), TEXT)
    (answer,) = runner.answers([Request({"x": text(b"", b"a\0b", "né".encode())}, ("y",))])
    assert outputs(answer)["y"].tolist() == [[""], ["a\0b"], ["né"]]


def test_of_several_requests_only_the_one_with_a_bad_string_fails(load: Load) -> None:
    runner = load(graphs.identity(("batch", 1), onnx_type=TensorProto.STRING), TEXT)
    requests = [Request({"x": text(*elements)}, ("y",)) for elements in ((b"a", b"b"), (b"c", b"\xff"), (b"d",))]
    first, second, third = runner.answers(requests)
    assert outputs(first)["y"].tolist() == [["a"], ["b"]]
    assert outputs(third)["y"].tolist() == [["d"]]
    assert isinstance(second, InferenceError)
    assert second.caller_at_fault
    assert str(second).startswith("input 'x': element 1 is not UTF-8")


def test_a_batch_of_bad_strings_only_is_answered(load: Load) -> None:
    runner = load(graphs.identity(("batch", 1), onnx_type=TensorProto.STRING), TEXT)
    answers = runner.answers([Request({"x": text(b"\xff")}, ("y",))] * 2)
    assert [type(answer) for answer in answers] == [InferenceError, InferenceError]


def test_an_optional_input_has_its_default_where_a_request_leaves_it_out(load: Load) -> None:
    x = np.zeros(3, np.float32)
    requests = [Request({"x": x}, ("y",)), Request({"x": x, "offset": np.full(1, 5, np.float32)}, ("y",))]
    first, second = load(graphs.with_default(), OFFSET).answers(requests)
    assert outputs(first)["y"].tolist() == [1, 1, 1]
    assert outputs(second)["y"].tolist() == [5, 5, 5]


def test_a_model_that_does_not_batch_runs_each_request_alone(load: Load) -> None:
    given = config([tensor("x", [-1]), tensor("scale", [1])], [tensor("y", [1])])
    requests = [
        Request({"x": np.ones(size, np.float32), "scale": np.full(1, 10, np.float32)}, ("y",)) for size in (2, 3)
    ]
    answers = load(graphs.total(), given).answers(requests)
    assert [outputs(answer)["y"].tolist() for answer in answers] == [[20], [30]]


@pytest.mark.parametrize("dims", [[1], [1, 1]])
def test_a_scalar_goes_in_and_comes_out_in_the_shape_of_its_dims(load: Load, dims: list[int]) -> None:
    runner = load(graphs.identity(()), config([tensor("x", dims)], [tensor("y", dims)]))
    (answer,) = runner.answers([Request({"x": np.full(dims, 7, np.float32)}, ("y",))])
    assert outputs(answer)["y"].shape == tuple(dims)
    assert outputs(answer)["y"].item() == 7


RAGGED = config(
    [tensor("x", [-1], allow_ragged_batch=True)],
    [tensor("y", [-1])],
    max_batch_size=8,
    batch_input=[
        {
            "kind": "BATCH_ACCUMULATED_ELEMENT_COUNT",
            "target_name": ["ends_in"],
            "data_type": "TYPE_INT32",
            "source_input": ["x"],
        },
        {
            "kind": "BATCH_ITEM_SHAPE",
            "target_name": ["shapes_in"],
            "data_type": "TYPE_FP32",
            "source_input": ["x"],
        },
    ],
    batch_output=[{"kind": "BATCH_SCATTER_WITH_INPUT_SHAPE", "target_name": ["y"], "source_input": ["x"]}],
)


def test_requests_of_unlike_lengths_share_one_run_and_each_gets_its_own_length(load: Load) -> None:
    requests = [Request({"x": np.full((1, length), length, np.float32)}, ("y",)) for length in (3, 1, 4)]
    first, second, third = (
        outputs(answer)["y"] for answer in load(graphs.doubled_in_segments(), RAGGED).answers(requests)
    )
    assert (first.tolist(), second.tolist(), third.tolist()) == ([[6] * 3], [[2]], [[8] * 4])
    assert first.base is second.base is third.base


def test_an_error_of_onnx_runtime_is_one_line_without_a_path(load: Load, tmp_path: Path) -> None:
    request = Request({"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 3), np.float32)}, ("y",))
    first, second = load(graphs.unlike_lengths(), UNLIKE).answers([request, request])
    for answer in (first, second):
        assert isinstance(answer, InferenceError)
        assert not answer.caller_at_fault
        assert "Attempting to broadcast an axis by a dimension other than 1. 2 by 3" in str(answer)
        assert "\n" not in str(answer)
        assert not any(folder in str(answer) for folder in ("/onnxruntime", str(tmp_path)))


def test_a_runner_goes_on_after_an_error(load: Load) -> None:
    runner = load(graphs.unlike_lengths(), UNLIKE)
    runner.answers([Request({"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 3), np.float32)}, ("y",))])
    (answer,) = runner.answers([Request({name: np.ones((1, 2), np.float32) for name in "ab"}, ("y",))])
    assert outputs(answer)["y"].tolist() == [[2, 2]]


@pytest.mark.parametrize("requests", [1, 2])
def test_rows_that_are_not_the_requests_own_are_never_given(load: Load, requests: int) -> None:
    one_run = parameters(intra_op_thread_count="1")["parameters"]
    answers = load(graphs.non_zero(), NON_ZERO | {"parameters": one_run}).answers(
        [Request({"x": rows(1, 1)}, ("y",))] * requests
    )
    assert [str(answer) for answer in answers] == [
        f"output 'y': expected {requests} rows, as many as in the batch, got {3 * requests}; the graph does not batch"
    ] * requests


def test_an_unused_accelerator_is_a_warning(load: Load) -> None:
    given = {**accelerated("tensorrt"), **config([tensor("x", [3])], [tensor("y", [3])], max_batch_size=4)}
    assert load(graphs.identity(), given).warning == "tensorrt not used: the instance is on the CPU"


def test_an_instance_that_follows_its_configuration_has_no_warning(load: Load) -> None:
    assert load(graphs.sum_and_difference(), SUMS).warning is None


@pytest.mark.parametrize("content", [b"", b"not a model", graphs.identity()[:20]])
def test_a_file_that_is_no_model_is_refused_in_one_line_without_its_folder(
    load: Load, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"^ONNX Runtime cannot load model\.onnx: ") as refusal:
        load(content, SUMS)
    assert str(tmp_path) not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_configuration_that_does_not_fit_is_refused(load: Load) -> None:
    with pytest.raises(ConfigError, match="input: expected an entry for 'x'"):
        load(graphs.identity(), SUMS)


def test_a_signature_is_read_without_a_complete_configuration(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(graphs.identity())
    assert runner.signature(tmp_path / "model.onnx", config()).batchable


def test_the_model_is_model_onnx_unless_the_configuration_names_another(tmp_path: Path) -> None:
    for name in ("model.onnx", "other.onnx"):
        (tmp_path / name).touch()
    assert runner.model_path(tmp_path, config()) == tmp_path / "model.onnx"
    assert runner.model_path(tmp_path, config(default_model_filename="other.onnx")) == tmp_path / "other.onnx"


def test_a_model_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    (tmp_path / "model.onnx" / "model.onnx").touch()
    assert runner.model_path(tmp_path, config()) == tmp_path / "model.onnx" / "model.onnx"


def test_a_model_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    with pytest.raises(ConfigError, match=r"expected the file other\.onnx in version 3, got none"):
        runner.model_path(tmp_path / "3", config(default_model_filename="other.onnx"))
