"""What the stand-in for NVIDIA's onnxruntime backend adds to a request, compared with ONNX Runtime in this process.

The graph reduces each row of bytes to its maximum, so that the output is tiny. Both sides take turns, so that other
work on the machine affects both. The served time is Triton's own: `compute_input`, `compute_infer` and
`compute_output`, from the scheduler to the response, without network and client.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper

from cronnx import Client, CronnxError
from cronnx_lab.errors import MeasurementError
from cronnx_lab.servers import triton_server

MODEL = "largest"
BATCH_SIZES = (1, 4, 16)
ROW_BYTES = (1_500, 150_528, 1_500_000)  # features; pixels of 224 x 224 x 3; pixels of 707 x 707 x 3
ROUNDS, REQUESTS_PER_ROUND = 20, 10
THREADS = 1

Rows: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Overhead:
    """The median times of one size of request, in microseconds.

    Attributes:
        batch_size: Rows in a request.
        row_bytes: Bytes in a row.
        in_process_us: Time of ONNX Runtime in this process.
        served_us: Time of the same graph in Triton.
    """

    batch_size: int
    row_bytes: int
    in_process_us: float
    served_us: float

    @property
    def added_us(self) -> float:
        """The time that the backend adds."""
        return self.served_us - self.in_process_us


def measure(batch_sizes: Sequence[int] = BATCH_SIZES, row_bytes: Sequence[int] = ROW_BYTES) -> Iterator[Overhead]:
    """Measure every combination of sizes on a server of its own.

    Raises:
        MeasurementError: The server does not answer.
        StartError: The server cannot start.
    """
    session = _session(_graph())
    with tempfile.TemporaryDirectory() as folder:
        _write_model(Path(folder))
        with triton_server([Path(folder)], [MODEL]) as server, Client(server.addresses.grpc) as client:
            for size in row_bytes:
                for batch_size in batch_sizes:
                    rows = np.random.default_rng(seed=1).integers(0, 256, (batch_size, size), np.uint8)
                    yield _overhead(session, client, rows)


def run_time_us(path: Path, batch_size: int) -> float:
    """The median time of a model for a batch of random bytes, in this process on all cores, in microseconds."""
    session = onnxruntime.InferenceSession(path)
    (node,) = session.get_inputs()
    rows = np.random.default_rng(seed=1).integers(0, 256, (batch_size, *node.shape[1:]), np.uint8)
    return statistics.median(_timed_us(session, rows, name=node.name) for _ in range(ROUNDS))


def table(model: Path) -> Iterator[str]:
    """The lines of a table, each as soon as it is measured.

    Args:
        model: A model of UINT8 pixels, model.onnx: the added time is also given as a share of its run time.
    """
    yield "batch  bytes per row  in process µs  served µs  added µs  of the model"
    for each in measure():
        share = each.added_us / run_time_us(model, each.batch_size)
        times = f"{each.in_process_us:13.0f}  {each.served_us:9.0f}  {each.added_us:8.0f}"
        yield f"{each.batch_size:5}  {each.row_bytes:13}  {times}  {share:12.1%}"


def _overhead(session: onnxruntime.InferenceSession, client: Client, rows: Rows) -> Overhead:
    served, in_process = [], []
    for _ in range(ROUNDS):
        served += [_served_us(client, rows) for _ in range(REQUESTS_PER_ROUND)]
        in_process += [_timed_us(session, rows) for _ in range(REQUESTS_PER_ROUND)]
    batch_size, row_bytes = rows.shape
    return Overhead(batch_size, row_bytes, statistics.median(in_process), statistics.median(served))


def _timed_us(session: onnxruntime.InferenceSession, rows: npt.NDArray[Any], *, name: str = "x") -> float:
    started = time.perf_counter()
    session.run(None, {name: rows})
    return (time.perf_counter() - started) * 1e6


def _served_us(client: Client, rows: Rows) -> float:
    try:
        before = _compute_ns(client)
        client.infer(MODEL, {"x": rows})
        return (_compute_ns(client) - before) / 1000
    except CronnxError as error:
        raise MeasurementError(f"the server under test does not answer: {error}") from error


def _compute_ns(client: Client) -> int:
    (model,) = client.statistics(MODEL)
    return model.compute_input_ns + model.compute_infer_ns + model.compute_output_ns


def _graph() -> bytes:
    nodes = [helper.make_node("ReduceMax", ["x"], ["largest"], axes=[1], keepdims=1)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["batch", "bytes"])]
    outputs = [helper.make_tensor_value_info("largest", TensorProto.UINT8, ["batch", 1])]
    graph = helper.make_graph(nodes, MODEL, inputs, outputs)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(graph, options)


def _write_model(repository: Path) -> None:
    version = repository / MODEL / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(_graph())
    (version.parent / "config.pbtxt").write_text(
        f'backend: "onnxruntime" max_batch_size: {max(BATCH_SIZES)} instance_group [ {{ count: 1 }} ]\n'
        f'parameters {{ key: "intra_op_thread_count" value: {{ string_value: "{THREADS}" }} }}\n'
    )
