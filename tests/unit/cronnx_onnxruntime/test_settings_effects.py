"""The effects of settings on the process: its threads, and the memory that a session keeps."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import helper

from cronnx_onnxruntime.runner import Request, Runner
from tests.unit.cronnx_onnxruntime import graphs
from tests.unit.cronnx_onnxruntime.configs import Config, config, parameters, tensor

MIB = 1024**2
PROCESS = psutil.Process()


def runner(path: Path, model: bytes, given: Config) -> Runner:
    path.write_bytes(model)
    complete = config([tensor("x", [3])], [tensor("y", [3])], max_batch_size=4, parameters=given["parameters"])
    return Runner(path, complete, kind="CPU", device_id=0)


def allowed_cores(given: Config, path: Path, *, usable: int = 1) -> list[set[int]]:
    """The cores that each thread of a session may use where as many cores are usable.

    In a new process: in this one, threads of other tests end.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(allowed_cores_here, given, path, usable).result()


def allowed_cores_here(given: Config, path: Path, usable: int) -> list[set[int]]:
    process = psutil.Process()
    before = {thread.id for thread in process.threads()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cronnx_onnxruntime.settings.usable_cores", lambda: usable)
        loaded = runner(path, graphs.identity(), given)
    allowed = [os.sched_getaffinity(thread.id) for thread in process.threads() if thread.id not in before]
    del loaded
    return allowed


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_session_has_as_many_threads_as_intra_op_thread_count_says(count: int, tmp_path: Path) -> None:
    assert len(allowed_cores(parameters(intra_op_thread_count=str(count)), tmp_path / "model.onnx")) == count - 1


@pytest.mark.parametrize("usable", [1, 3, 5])
def test_without_a_count_a_session_has_a_thread_for_each_usable_core_and_none_is_tied_to_one(
    usable: int, tmp_path: Path
) -> None:
    allowed = allowed_cores(parameters(), tmp_path / "model.onnx", usable=usable)
    assert allowed == [os.sched_getaffinity(0)] * (usable - 1)


@pytest.mark.parametrize(("mode", "expected"), [("0", 0), ("1", 3)])
def test_inter_op_threads_are_there_in_parallel_mode_only(mode: str, expected: int, tmp_path: Path) -> None:
    given = parameters(intra_op_thread_count="1", inter_op_thread_count="4", execution_mode=mode)
    assert len(allowed_cores(given, tmp_path / "model.onnx")) == expected


def widened() -> bytes:
    """`x`, [batch, 3], to `y`, [batch, 3], over an intermediate tensor of 192 MiB an example."""
    return graphs.model(
        [
            helper.make_node("Neg", ["x"], ["first"]),  # an arena never gives back the first thing it allocated
            helper.make_node("Expand", ["first", "wide"], ["expanded"]),
            helper.make_node("ReduceMax", ["expanded"], ["most"], axes=[0], keepdims=1),
            helper.make_node("Add", ["x", "most"], ["y"]),
        ],
        [graphs.tensor("x", ["batch", 3])],
        [graphs.tensor("y", ["batch", 3])],
        initializers={"wide": np.array([16 * MIB, 3])},
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (parameters(enable_mem_arena="1"), True),
        (parameters(enable_mem_arena="0"), False),
        (parameters(memory__enable_memory_arena_shrinkage="cpu:0"), False),
    ],
    ids=["arena", "no arena", "shrinkage"],
)
def test_a_session_keeps_memory_after_a_run_with_an_arena_that_does_not_shrink(
    given: Config, kept: bool, tmp_path: Path
) -> None:
    loaded = runner(tmp_path / "model.onnx", widened(), given)
    before = PROCESS.memory_info().rss
    loaded.answers([Request({"x": np.ones((1, 3), np.float32)}, ("y",))])
    assert (PROCESS.memory_info().rss - before > 100 * MIB) is kept
