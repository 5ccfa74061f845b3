"""The onnxruntime backend in a real server: what it serves and what it refuses to load.

The unit tests of `cronnx_onnxruntime` judge every completion and every refusal; the ONNX suite runs graphs of fixed
shape and scalars in a server.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

from cronnx_server.serve.addresses import Addresses
from tests.server.nvidia_client import Array, Infer, executions, inferring
from tests.server.repositories import ONE_INSTANCE, parameter, put_onnx
from tests.server.triton import running, started_by
from tests.unit.cronnx_onnxruntime import graphs

X_TO_Y = """
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]
"""
TENSORRT = """
optimization { execution_accelerators { gpu_execution_accelerator [
  { name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } }
] } }
"""


TEXT = (
    graphs.identity(("batch", 1), onnx_type=TensorProto.STRING),
    'max_batch_size: 8 input { name: "x" data_type: TYPE_STRING dims: [ 1 ] } '
    'output { name: "y" data_type: TYPE_STRING dims: [ 1 ] } '
    "dynamic_batching { preferred_batch_size: [ 3 ] max_queue_delay_microseconds: 30000000 }" + ONE_INSTANCE,
)
SUMS = (
    graphs.sum_and_difference(),
    "max_batch_size: 16 dynamic_batching { max_queue_delay_microseconds: 200000 }\n" + ONE_INSTANCE,
)
SERVED = {
    "completed": (graphs.identity(("batch", 3, "width")), ""),
    "completed_more": (graphs.identity(), "max_batch_size: 16\n" + ONE_INSTANCE),
    "every_type": (graphs.every_type(), ONE_INSTANCE),
    "text": TEXT,
    "text_in_a_batch": TEXT,
    "sums": SUMS,
    "sums_in_batches": SUMS,
    "reshaped": (
        graphs.identity((2, 3)),
        ONE_INSTANCE + 'input { name: "x" data_type: TYPE_FP32 dims: [ 6 ] reshape { shape: [ 2, 3 ] } } '
        'output { name: "y" data_type: TYPE_FP32 dims: [ 3, 2 ] reshape { shape: [ 2, 3 ] } }',
    ),
    "with_default": (
        graphs.with_default(),
        ONE_INSTANCE + 'input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }, '
        '{ name: "offset" data_type: TYPE_FP32 dims: [ 1 ] optional: true } ] '
        'output { name: "y" data_type: TYPE_FP32 dims: [ 3 ] }',
    ),
    "unlike_lengths": (graphs.unlike_lengths(), ONE_INSTANCE),
    "tuned": (
        graphs.identity(),
        "max_batch_size: 8 optimization { graph { level: 1 } }"
        + ONE_INSTANCE
        + X_TO_Y
        + parameter("intra_op_thread_count", "1")
        + parameter("inter_op_thread_count", "1")
        + parameter("execution_mode", "1")
        + parameter("enable_mem_arena", "true")
        + parameter("enable_mem_pattern", "false")
        + parameter("memory.enable_memory_arena_shrinkage", "cpu:0")
        + parameter("cudnn_conv_algo_search", "1"),
    ),
    "profiled": (graphs.identity(), "max_batch_size: 8\n" + ONE_INSTANCE + X_TO_Y),
}
BATCHING = "max_batch_size: 8" + X_TO_Y
REFUSED = {
    "wrong_dims": (graphs.identity(("batch", 4)), BATCHING, "input 'x': expected dims [4] as in the graph, got [3]"),
    "unknown_parameter": (
        graphs.identity(),
        BATCHING + parameter("intra_op_thread_cuont", "1"),
        "unknown parameter 'intra_op_thread_cuont'",
    ),
    "corrupt": (b"no model", BATCHING, "ONNX Runtime cannot load model.onnx"),
    "corrupt_and_incomplete": (b"no model", "", "ONNX Runtime cannot load model.onnx"),
}


@dataclass(frozen=True)
class Server:
    addresses: Addresses
    repository: Path
    log: Path

    def url(self, client: ModuleType) -> str:
        address = self.addresses.http if client is tritonclient.http else self.addresses.grpc
        return address.partition("://")[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository, log = tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("log") / "log.txt"
    for name, (model, config) in SERVED.items():
        put_onnx(repository, name, model, config)
    for name, (model, config, _) in REFUSED.items():
        put_onnx(repository, name, model, config)
    (repository / "profiled" / "configs").mkdir()
    shutil.copy(repository / "profiled" / "config.pbtxt", repository / "profiled" / "configs" / "tensorrt.pbtxt")
    with (repository / "profiled" / "configs" / "tensorrt.pbtxt").open("a") as profile:
        profile.write(TENSORRT)
    flags = ["--exit-on-error=false", "--strict-readiness=false", "--model-config-name=tensorrt", f"--log-file={log}"]
    with running([repository], *flags) as addresses:
        yield Server(addresses, repository, log)


@pytest.fixture
def grpc(server: Server) -> Iterator[Any]:
    with tritonclient.grpc.InferenceServerClient(server.url(tritonclient.grpc)) as client:
        yield client


@pytest.fixture(params=[tritonclient.http, tritonclient.grpc], ids=["http", "grpc"])
def infer(request: pytest.FixtureRequest, server: Server) -> Iterator[Infer]:
    with request.param.InferenceServerClient(server.url(request.param)) as client:
        yield inferring(request.param, client)


@pytest.fixture
def infer_by_grpc(grpc: Any) -> Infer:
    return inferring(tritonclient.grpc, grpc)


def text(*elements: bytes) -> Array:
    return np.array([[element] for element in elements], dtype=object)


# Completed configurations


def completed(grpc: Any, name: str) -> dict[str, Any]:
    config: dict[str, Any] = grpc.get_model_config(name, as_json=True)["config"]
    return config


def expected_tensor(name: str, dims: list[str], **fields: Any) -> dict[str, Any]:
    return {"name": name, "data_type": "TYPE_FP32", "dims": dims, **fields}


def test_a_model_without_a_configuration_is_one_of_onnx_runtime(grpc: Any) -> None:
    config = completed(grpc, "completed")
    assert config["backend"] == "onnxruntime"
    assert config["platform"] == "onnxruntime_onnx"
    assert config["default_model_filename"] == "model.onnx"


def test_a_graph_that_can_batch_is_completed_to_batches_of_four(grpc: Any) -> None:
    config = completed(grpc, "completed")
    assert config["max_batch_size"] == 4
    assert "dynamic_batching" in config
    assert config["input"] == [expected_tensor("x", ["3", "-1"])]
    assert config["output"] == [expected_tensor("y", ["3", "-1"])]


def test_what_a_configuration_says_is_completed_not_changed(grpc: Any) -> None:
    config = completed(grpc, "completed_more")
    assert config["max_batch_size"] == 16
    assert config["instance_group"][0]["count"] == 1
    assert config["input"] == [expected_tensor("x", ["3"])]


# Tensors in and out


def every_type() -> dict[str, Array]:
    """Return two rows of each type: its limits, infinities, NaN, and text of every kind."""
    arrays: dict[str, Array] = {"TYPE_BOOL": np.array([[True, False, True, True], [False] * 4])}
    for name, onnx_type in graphs.TYPES.items():
        dtype = helper.tensor_dtype_to_np_dtype(onnx_type)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            arrays[name] = np.array([[limits.min, 0, 1, limits.max], [2, 3, 5, 7]], dtype)
        if dtype.kind == "f":
            smallest, largest = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
            arrays[name] = np.array([[smallest, -0.0, largest, 0.1], [np.inf, -np.inf, np.nan, 1]], dtype)
    strings = [b"", b"label", b"a\0b\0", "né 猫 😀".encode(), b"\0", b" ", b"\n", b"x" * 70_000]
    arrays["TYPE_STRING"] = np.array(strings, dtype=object).reshape(2, 4)
    return arrays


@pytest.mark.parametrize("name", graphs.TYPES)
def test_a_tensor_of_every_type_keeps_its_bits(infer: Infer, name: str) -> None:
    arrays = every_type()
    assert arrays.keys() == graphs.TYPES.keys()
    answer = infer("every_type", {f"{each}_in": array for each, array in arrays.items()}, (f"{name}_out",))
    output, expected = answer[f"{name}_out"], arrays[name]
    assert output.dtype == expected.dtype
    assert output.shape == expected.shape
    if name == "TYPE_STRING":
        assert output.tolist() == expected.tolist()
    else:
        assert output.tobytes() == expected.tobytes()


def test_every_output_is_given_unless_some_are_asked_for(infer: Infer) -> None:
    inputs = {name: np.ones((1, 3), np.float32) for name in "ab"}
    assert sorted(infer("sums", inputs)) == ["difference", "sum"]
    assert list(infer("sums", inputs, ("difference",))) == ["difference"]


def test_a_reshape_is_followed_both_ways(infer: Infer) -> None:
    answer = infer("reshaped", {"x": np.arange(6, dtype=np.float32)})
    assert answer["y"].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_an_optional_input_has_the_graphs_default_where_it_is_left_out(infer: Infer) -> None:
    x = np.zeros(3, np.float32)
    assert infer("with_default", {"x": x})["y"].tolist() == [1, 1, 1]
    assert infer("with_default", {"x": x, "offset": np.full(1, 5, np.float32)})["y"].tolist() == [5, 5, 5]


def test_a_model_with_every_parameter_set_answers(infer: Infer) -> None:
    assert infer("tuned", {"x": np.ones((2, 3), np.float32)})["y"].tolist() == [[1, 1, 1]] * 2


# Batches


def test_requests_of_mixed_sizes_run_in_batches_and_each_gets_its_own_rows(grpc: Any, infer_by_grpc: Infer) -> None:
    session = onnxruntime.InferenceSession(graphs.sum_and_difference())
    rng = np.random.default_rng(seed=5)
    asked = [{name: rng.random((1 + number % 5, 3), np.float32) for name in "ab"} for number in range(64)]
    with ThreadPoolExecutor(max_workers=64) as threads:
        answers = list(threads.map(lambda inputs: infer_by_grpc("sums_in_batches", inputs), asked))
    for inputs, answer in zip(asked, answers, strict=True):
        total, difference = session.run(["sum", "difference"], inputs)
        np.testing.assert_array_equal(answer["sum"], total)
        np.testing.assert_array_equal(answer["difference"], difference)
    requests, runs = executions(grpc, "sums_in_batches", images=sum(len(inputs["a"]) for inputs in asked))
    assert requests == 64
    assert runs < 64


def test_of_a_batch_only_the_request_whose_text_is_not_utf_8_fails(grpc: Any, infer_by_grpc: Infer) -> None:
    def answer(element: bytes) -> list[list[bytes]] | InferenceServerException:
        try:
            rows: list[list[bytes]] = infer_by_grpc("text_in_a_batch", {"x": text(element)})["y"].tolist()
        except InferenceServerException as error:
            return error
        return rows

    with ThreadPoolExecutor(max_workers=3) as threads:
        first, second, third = threads.map(answer, [b"a", b"\xff", "é".encode()])
    _, runs = executions(grpc, "text_in_a_batch", images=3)
    assert runs == 1
    assert (first, third) == ([[b"a"]], [["é".encode()]])
    assert isinstance(second, InferenceServerException)
    assert second.status() == "StatusCode.INVALID_ARGUMENT"
    assert "input 'x': element 0 is not UTF-8" in second.message()


def test_text_that_is_not_utf_8_is_refused_with_400(server: Server) -> None:
    with tritonclient.http.InferenceServerClient(server.url(tritonclient.http)) as client:
        infer = inferring(tritonclient.http, client)
        with pytest.raises(InferenceServerException, match="input 'x': element 2 is not UTF-8") as refusal:
            infer("text", {"x": text(b"a", b"b", b"\xe9")})
    assert refusal.value.status() == "400"


def test_an_error_of_onnx_runtime_reaches_the_caller_in_one_line_without_a_path(infer: Infer) -> None:
    with pytest.raises(InferenceServerException, match=r"dimension other than 1\. 2 by 3") as failure:
        infer("unlike_lengths", {"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 3), np.float32)})
    assert failure.value.message().startswith("ONNX Runtime: ")
    assert not re.search(r"\n|Traceback|model\.py|/onnxruntime", failure.value.message())


# Refusals and warnings


def reasons(grpc: Any) -> dict[str, str]:
    index = grpc.get_model_repository_index(as_json=True)["models"]
    return {model["name"]: model.get("reason", "") for model in index}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_served_as_configured_is_refused_alone_and_says_why(
    server: Server, grpc: Any, name: str
) -> None:
    assert not grpc.is_model_ready(name)
    reason, _, _ = reasons(grpc)[name].partition("\n\nAt:\n")  # Triton adds the lines of model.py
    assert f"model '{name}': " in reason
    assert REFUSED[name][2] in reason
    assert "\n" not in reason
    assert str(server.repository) not in reason


@pytest.mark.parametrize("name", SERVED)
def test_the_other_models_are_served(grpc: Any, name: str) -> None:
    assert grpc.is_model_ready(name)


def test_a_tensorrt_profile_on_a_cpu_answers_and_is_warned_of_once(server: Server, infer_by_grpc: Infer) -> None:
    assert infer_by_grpc("profiled", {"x": np.ones((1, 3), np.float32)})["y"].tolist() == [[1, 1, 1]]
    warnings = [line for line in server.log.read_text().splitlines() if "tensorrt not used" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("W")
    assert "profiled_0" in warnings[0]
    assert "tensorrt not used: the instance is on the CPU" in warnings[0]


# Memory


def test_an_instance_does_not_grow_with_the_requests_it_has_answered(infer_by_grpc: Infer) -> None:
    (stub,) = started_by(os.getpid(), "tuned_0")
    inputs = {"x": np.ones((8, 3), np.float32)}
    for _ in range(200):
        infer_by_grpc("tuned", inputs)
    before = stub.memory_info().rss
    for _ in range(2000):
        infer_by_grpc("tuned", inputs)
    assert stub.memory_info().rss - before < 8 * 1024**2
