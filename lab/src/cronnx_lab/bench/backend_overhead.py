"""What the stand-in for NVIDIA's onnxruntime backend adds to a request, over ONNX Runtime in this process.

The graph takes bytes and gives the largest of each row, so that its answer weighs nothing. Both sides take turns, so
that other work on the machine falls on both. What is served is timed by the server: Triton's `compute_input`,
`compute_infer` and `compute_output`, from the scheduler to the answer, without network and client.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper
from tritonclient.grpc import InferenceServerClient, InferInput

from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import ServerProcess

MODEL = "largest"
BATCH_SIZES = (1, 4, 16)
ROW_BYTES = (1_500, 150_528, 1_500_000)  # features; pixels of 224 by 224 by 3; of 707 by 707 by 3
ROUNDS, REQUESTS_A_ROUND = 20, 10
THREADS = 1

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Overhead:
    """Medians of one size of request, in microseconds."""

    batch_size: int
    row_bytes: int
    in_process_us: float
    served_us: float

    @property
    def added_us(self) -> float:
        """What the stand-in adds."""
        return self.served_us - self.in_process_us


def measure(batch_sizes: Sequence[int] = BATCH_SIZES, row_bytes: Sequence[int] = ROW_BYTES) -> Iterator[Overhead]:
    """Measure every combination, on a server of its own."""
    session = _session(_graph())
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as client:
        for size in row_bytes:
            for batch_size in batch_sizes:
                rows = np.random.default_rng(seed=1).integers(0, 256, (batch_size, size), np.uint8)
                yield _overhead(session, client, rows)


def run_time_us(path: Path, batch_size: int) -> float:
    """The median time that a model takes for a batch of random bytes, on every core, in this process."""
    session = onnxruntime.InferenceSession(path)
    (node,) = session.get_inputs()
    rows = np.random.default_rng(seed=1).integers(0, 256, (batch_size, *node.shape[1:]), np.uint8)
    return statistics.median(_timed_us(session, rows, name=node.name) for _ in range(ROUNDS))


def table(model: Path) -> Iterator[str]:
    """The lines of a table, each as soon as it is measured.

    Args:
        model: a model of UINT8 pixels, as model.onnx: how much of its run time is added to a batch of its inputs.
    """
    yield "batch    bytes a row  in process µs  served µs  added µs  of the model"
    for each in measure():
        share = each.added_us / run_time_us(model, each.batch_size)
        times = f"{each.in_process_us:13.0f}  {each.served_us:9.0f}  {each.added_us:8.0f}"
        yield f"{each.batch_size:5}  {each.row_bytes:13}  {times}  {share:12.1%}"


def _overhead(session: onnxruntime.InferenceSession, client: InferenceServerClient, rows: Array) -> Overhead:
    served, in_process = [], []
    for _ in range(ROUNDS):
        served += [_served_us(client, rows) for _ in range(REQUESTS_A_ROUND)]
        in_process += [_timed_us(session, rows) for _ in range(REQUESTS_A_ROUND)]
    batch_size, row_bytes = rows.shape
    return Overhead(batch_size, row_bytes, statistics.median(in_process), statistics.median(served))


def _timed_us(session: onnxruntime.InferenceSession, rows: Array, *, name: str = "x") -> float:
    started = time.perf_counter()
    session.run(None, {name: rows})
    return (time.perf_counter() - started) * 1e6


def _served_us(client: InferenceServerClient, rows: Array) -> float:
    before = _compute_ns(client)
    tensor = InferInput("x", rows.shape, "UINT8")
    tensor.set_data_from_numpy(rows)
    client.infer(MODEL, [tensor])
    return (_compute_ns(client) - before) / 1000


def _compute_ns(client: InferenceServerClient) -> int:
    (model,) = client.get_inference_statistics(MODEL).model_stats
    took = model.inference_stats
    return int(took.compute_input.ns + took.compute_infer.ns + took.compute_output.ns)


def _graph() -> bytes:
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["largest"], axes=[1], keepdims=1),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["batch", "bytes"])]
    outputs = [helper.make_tensor_value_info("largest", TensorProto.UINT8, ["batch", 1])]
    graph = helper.make_graph(nodes, MODEL, inputs, outputs)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(graph, options)


@contextlib.contextmanager
def _serving(repository: Path) -> Iterator[InferenceServerClient]:
    version = repository / MODEL / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(_graph())
    threads = json.dumps(str(THREADS))
    (version.parent / "config.pbtxt").write_text(
        f'backend: "onnxruntime" max_batch_size: {max(BATCH_SIZES)} instance_group [ {{ count: 1 }} ]\n'
        f'parameters {{ key: "intra_op_thread_count" value: {{ string_value: {threads} }} }}\n'
    )
    distribution, addresses = tritonserver.distribution(), _free_addresses()
    server = ServerProcess(
        [*distribution.command([repository]), *addresses.flags(), "--log-info=false"], distribution.environment()
    )
    try:
        server.wait_until_ready(addresses)
        with InferenceServerClient(addresses.grpc.partition("://")[2]) as client:
            yield client
    finally:
        server.end()


def _free_addresses() -> Addresses:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Addresses("127.0.0.1", *(each.getsockname()[1] for each in sockets))
