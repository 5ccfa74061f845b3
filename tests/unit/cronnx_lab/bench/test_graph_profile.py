from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from cronnx_lab.bench.graph_profile import Event, OwnNodes, Shares, own_nodes, profile, shares

OWN = OwnNodes(frozenset({"Cast_1"}), frozenset({"Shape_2", "TopK_3", "Loop_4"}))


def node(name: str, began_us: int, time_us: int) -> Event:
    """A node as ONNX Runtime's profile has it."""
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": began_us, "dur": time_us}


def graph(path: Path, names: Sequence[str]) -> Path:
    """Write a model whose nodes, one after the other, have these names."""
    tensors = ["pixels", *(f"tensor_{index}" for index in range(len(names) - 1)), "found"]
    nodes = [
        helper.make_node("Relu", [tensors[index]], [tensors[index + 1]], name=name) for index, name in enumerate(names)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("pixels", "found")]
    relus = helper.make_graph(nodes, "relus", ends[:1], ends[1:])
    onnx.save(helper.make_model(relus, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_time_goes_to_the_part_that_a_node_is_in() -> None:
    # The head's `Shape` needs the pixels alone, so that it may run first.
    run = [node("Shape_2", 0, 1), node("Cast_1", 1, 2), node("network/Conv_0", 3, 6), node("TopK_3", 9, 1)]
    assert shares([run], OWN) == Shares(normalise=0.2, network=0.6, head=0.2)


def test_a_node_of_onnx_runtime_is_of_the_network_until_the_last_of_it() -> None:
    run = [node("Reorder_9", 0, 1), node("network/Conv_0", 1, 2), node("Reorder_7", 3, 1)]
    assert shares([run], OWN) == Shares(normalise=0, network=0.75, head=0.25)


def test_the_nodes_of_a_subgraph_are_in_the_node_that_runs_them() -> None:
    run = [node("network/Conv_0", 0, 5), node("in_loop", 6, 2), node("in_loop", 8, 2), node("Loop_4", 5, 5)]
    assert shares([run], OWN) == Shares(normalise=0, network=0.5, head=0.5)


def test_runs_count_together() -> None:
    runs = [[node("network/Conv_0", 0, 3), node("TopK_3", 3, 1)], [node("network/Conv_0", 9, 3), node("TopK_3", 12, 1)]]
    assert shares(runs, OWN) == Shares(normalise=0, network=0.75, head=0.25)


def test_nodes_before_and_after_the_network_are_known_by_their_place_in_the_file(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx", ["Cast_1", "network/a", "unnamed", "network/b", "TopK_3"])
    assert own_nodes(path) == OwnNodes(frozenset({"Cast_1"}), frozenset({"TopK_3"}))


def test_a_graph_of_another_origin_is_a_network(tmp_path: Path) -> None:
    own = own_nodes(graph(tmp_path / "model.onnx", ["first", "second"]))
    assert shares([[node("first", 0, 1), node("second", 1, 1)]], own) == Shares(normalise=0, network=1, head=0)


def test_every_run_but_the_first_is_profiled(tmp_path: Path) -> None:
    names = ["Cast_1", "network/a", "TopK_3"]
    path = graph(tmp_path / "model.onnx", names)
    feeds = [{"pixels": np.ones(2, np.float32)}] * 3
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    runs = profile(path, options, feeds, ["found"], folder=tmp_path)
    assert [[each["name"] for each in run] for run in runs] == [[f"{name}_kernel_time" for name in names]] * 3
    assert [found.name for found in tmp_path.iterdir()] == ["model.onnx"]
