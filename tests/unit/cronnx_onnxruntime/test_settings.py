from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.settings import Settings, settings
from tests.unit.cronnx_onnxruntime import graphs
from tests.unit.cronnx_onnxruntime.configs import Config, config, parameters


def at_level(level: int) -> Config:
    return config(optimization={"graph": {"level": level}})


@pytest.mark.parametrize("given", [config(), parameters(), config(optimization={}), config(optimization={"graph": {}})])
def test_the_default_is_onnx_runtimes_with_every_optimisation(given: Config) -> None:
    assert settings(given) == Settings()
    options, defaults = Settings().session_options(), onnxruntime.SessionOptions()
    for name in ("intra_op_num_threads", "inter_op_num_threads", "execution_mode", "enable_cpu_mem_arena"):
        assert getattr(options, name) == getattr(defaults, name)
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


@pytest.mark.parametrize(
    ("given", "option", "expected"),
    [
        (parameters(intra_op_thread_count="3"), "intra_op_num_threads", 3),
        (parameters(inter_op_thread_count="2"), "inter_op_num_threads", 2),
        (parameters(execution_mode="0"), "execution_mode", onnxruntime.ExecutionMode.ORT_SEQUENTIAL),
        (parameters(execution_mode="1"), "execution_mode", onnxruntime.ExecutionMode.ORT_PARALLEL),
        (parameters(enable_mem_arena="0"), "enable_cpu_mem_arena", False),
        (parameters(enable_mem_arena="true"), "enable_cpu_mem_arena", True),
        (parameters(enable_mem_pattern="OFF"), "enable_mem_pattern", False),
        (parameters(enable_mem_pattern="on"), "enable_mem_pattern", True),
        (at_level(-1), "graph_optimization_level", onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC),
        (at_level(0), "graph_optimization_level", onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL),
        (at_level(1), "graph_optimization_level", onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED),
        (at_level(2), "graph_optimization_level", onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL),
    ],
)
def test_an_option_reaches_the_session(given: Config, option: str, expected: Any) -> None:
    assert getattr(settings(given).session_options(), option) == expected


def test_the_allocator_of_initializers_reaches_the_session() -> None:
    options = settings(parameters(session__use_device_allocator_for_initializers="1")).session_options()
    assert options.get_session_config_entry("session.use_device_allocator_for_initializers") == "1"


def test_threads_spin_briefly_and_not_between_runs() -> None:
    options = Settings().session_options()
    assert options.get_session_config_entry("session.intra_op.spin_duration_us") == "50"
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_arena_shrinkage_reaches_every_run() -> None:
    options = settings(parameters(memory__enable_memory_arena_shrinkage="cpu:0")).run_options()
    assert options is not None
    assert options.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "cpu:0"


def test_a_run_has_no_options_without_arena_shrinkage() -> None:
    assert settings(config()).run_options() is None


def conv_and_relu_between_identities() -> bytes:
    chain = ["x", "a", "b", "c", "y"]
    ops = ["Identity", "Conv", "Relu", "Identity"]
    nodes = [
        helper.make_node(op, [before, "weights"] if op == "Conv" else [before], [after])
        for op, before, after in zip(ops, chain, chain[1:], strict=False)
    ]
    weights = np.ones((1, 1, 3, 3), np.float32)
    shapes = graphs.tensor("x", [1, 1, 8, 8]), graphs.tensor("y", [1, 1, 6, 6])
    return graphs.model(nodes, shapes[:1], shapes[1:], initializers={"weights": weights})


@pytest.mark.parametrize(
    ("level", "expected"),
    [(2, ["Identity", "Conv", "Relu", "Identity"]), (-1, ["Conv", "Relu"]), (1, ["FusedConv"])],
)
def test_the_graph_level_decides_what_is_fused(level: int, expected: list[str], tmp_path: Path) -> None:
    options = settings(at_level(level)).session_options()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(conv_and_relu_between_identities(), options)
    assert [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node] == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (parameters(intra_op_thread_cuont="2"), "unknown parameter 'intra_op_thread_cuont': expected one of intra_op"),
        (parameters(intra_op_thread_count="two"), "parameter 'intra_op_thread_count': expected a whole .* 'two'"),
        (parameters(inter_op_thread_count="-1"), "parameter 'inter_op_thread_count': expected a whole .* '-1'"),
        (parameters(intra_op_thread_count="99999999999"), "parameter 'intra_op_thread_count': .* got '99999999999'"),
        (parameters(execution_mode="2"), "'execution_mode': expected a whole number from 0 to 1, got '2'"),
        (parameters(enable_mem_arena="maybe"), "parameter 'enable_mem_arena': expected one of 1, true.* got 'maybe'"),
        (parameters(share_session_between_instances="true"), "'share_session_between_instances' is not supported"),
        (at_level(3), "optimization.graph.level: expected -1, 1, 2 or none, got 3"),
        (config(sequence_batching={"max_sequence_idle_microseconds": 1}), "not supported: sequence_batching"),
        (config(cc_model_filenames={"9.0": "hopper.onnx"}), "not supported: cc_model_filenames"),
        (config(model_transaction_policy={"decoupled": True}), "not supported: decoupled"),
    ],
)
def test_an_unknown_or_unsupported_option_is_refused_by_name(given: Config, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        settings(given)


def test_an_unsupported_field_that_is_off_is_accepted() -> None:
    given = config(
        cc_model_filenames={},
        model_transaction_policy={"decoupled": False},
        parameters={"share_session_between_instances": {"string_value": "false"}},
    )
    assert settings(given) == Settings()


def test_a_library_of_operators_that_cannot_be_loaded_is_refused_by_name() -> None:
    asked = settings(config(model_operations={"op_library_filename": ["/nowhere/operators.so"]}))
    with pytest.raises(ConfigError, match=r"op_library_filename '/nowhere/operators\.so' cannot be loaded"):
        asked.session_options()
