"""Many concurrent requests to the onnxruntime backend in a real server: each gets its own answer or error."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from tests.server.nvidia_client import Array, Infer, executions, grpc_client, infer_inputs, inferring
from tests.server.repositories import ONE_INSTANCE, put_onnx
from tests.server.triton import running
from tests.unit.cronnx_onnxruntime import graphs

CALLERS = 64
REQUESTS = 2_500

AT_THREE = "preferred_batch_size: [ 3 ] max_queue_delay_microseconds: 30000000"
AFTER_A_SECOND = "max_queue_delay_microseconds: 1000000"
RAGGED = """
max_batch_size: 8
dynamic_batching { preferred_batch_size: [ 3 ] max_queue_delay_microseconds: 30000000 }
input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
batch_input {
  kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "ends_in" data_type: TYPE_INT32 source_input: "x"
}
batch_input { kind: BATCH_ITEM_SHAPE target_name: "shapes_in" data_type: TYPE_FP32 source_input: "x" }
output { name: "y" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "ends" data_type: TYPE_INT32 dims: [ 1 ] reshape { shape: [ ] } }
output { name: "shapes" data_type: TYPE_FP32 dims: [ -1 ] }
batch_output { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "y" source_input: "x" }
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    repository = tmp_path_factory.mktemp("repository")
    put_onnx(repository, "projected", graphs.projected(), "max_batch_size: 32 dynamic_batching { }" + ONE_INSTANCE)
    put_onnx(repository, "crowded", graphs.projected(), "max_batch_size: 32 dynamic_batching { }" + ONE_INSTANCE)
    put_onnx(repository, "ragged", graphs.doubled_in_segments(), RAGGED + ONE_INSTANCE)
    put_onnx(
        repository, "cancelled", graphs.doubled_in_segments(), RAGGED.replace(AT_THREE, AFTER_A_SECOND) + ONE_INSTANCE
    )
    put_onnx(repository, "fails", graphs.unlike_lengths(), "max_batch_size: 8 dynamic_batching { }" + ONE_INSTANCE)
    put_onnx(repository, "any_width", graphs.identity(("batch", "width")), ONE_INSTANCE)
    with running([repository]) as addresses, grpc_client(addresses) as client:
        yield client


@pytest.fixture
def infer(client: Any) -> Infer:
    return inferring(tritonclient.grpc, client)


def asked(number: int) -> Array:
    """Return the input of request `number`: one to five rows."""
    return np.random.default_rng(seed=number).standard_normal((1 + number % 5, 64), np.float32)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graphs.projected())


def test_a_request_that_runs_alone_is_answered_bit_for_bit_as_in_process(
    infer: Infer, session: onnxruntime.InferenceSession
) -> None:
    for number in range(200):
        (expected,) = session.run(["y"], {"x": asked(number)})
        assert infer("projected", {"x": asked(number)})["y"].tobytes() == expected.tobytes()


def test_each_of_many_requests_of_64_callers_gets_its_own_answer(
    client: Any, infer: Infer, session: onnxruntime.InferenceSession
) -> None:
    def deviation(number: int) -> float:
        (expected,) = session.run(["y"], {"x": asked(number)})
        answer = infer("crowded", {"x": asked(number)})["y"]
        assert answer.shape == expected.shape
        return float(np.max(np.abs(answer - expected) / expected))

    with ThreadPoolExecutor(CALLERS) as threads:
        assert max(threads.map(deviation, range(REQUESTS))) < 1e-5
    requests, runs = executions(client, "crowded", images=sum(len(asked(number)) for number in range(REQUESTS)))
    assert requests == REQUESTS
    assert runs < REQUESTS


def test_requests_of_unlike_lengths_run_as_one_batch_and_each_gets_its_own_length(client: Any, infer: Infer) -> None:
    lengths = [3, 1, 4]
    with ThreadPoolExecutor(len(lengths)) as threads:
        inputs = [{"x": np.full((1, length), length, np.float32)} for length in lengths]
        answers = list(threads.map(lambda each: infer("ragged", each), inputs))
    assert executions(client, "ragged", images=3) == (3, 1)
    for length, answer in zip(lengths, answers, strict=True):
        assert answer["y"].tolist() == [[2 * length] * length]
        assert answer["shapes"].tolist() == [[length]]
    by_position = sorted(zip((int(answer["ends"].item()) for answer in answers), lengths, strict=True))
    assert [end for end, _ in by_position] == np.cumsum([length for _, length in by_position]).tolist()


def test_a_request_that_is_cancelled_in_the_queue_is_not_run(client: Any, infer: Infer) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    inputs = infer_inputs(tritonclient.grpc, {"x": np.ones((1, 5), np.float32)})
    call = client.async_infer("cancelled", inputs, lambda result, error: answers.put((result, error)))
    call.cancel()
    _, error = answers.get(timeout=60)
    assert "CANCELLED" in str(error)
    answer = infer("cancelled", {"x": np.ones((1, 3), np.float32)})
    assert answer["ends"].tolist() == [[3]], "it was counted in the batch of the request after it"


def test_a_batch_that_fails_leaves_the_next_untouched(infer: Infer) -> None:
    for _ in range(3):
        with pytest.raises(InferenceServerException, match="2 by 3"):
            infer("fails", {"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 3), np.float32)})
        ones = np.ones((2, 2), np.float32)
        assert infer("fails", {"a": ones, "b": ones})["y"].tolist() == [[2, 2], [2, 2]]


def test_a_tensor_without_elements_goes_in_and_out(infer: Infer) -> None:
    answer = infer("any_width", {"x": np.zeros((2, 0), np.float32)})["y"]
    assert answer.shape == (2, 0)
    assert answer.dtype == np.float32
