"""The options of ONNX Runtime in a model configuration. The keys are NVIDIA's; each is applied or refused by name.

Source: README of triton-inference-server/onnxruntime_backend. NVIDIA's backend ignores an unknown key; this one
refuses it, so that a misspelt option does not go unnoticed until production.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import onnxruntime

from cronnx_onnxruntime.cores import usable_cores
from cronnx_onnxruntime.errors import ConfigError, in_one_line
from cronnx_onnxruntime.signature import Config

GRAPH_LEVELS = {
    0: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,  # also if the level is absent
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
EXECUTION_MODES = {0: onnxruntime.ExecutionMode.ORT_SEQUENTIAL, 1: onnxruntime.ExecutionMode.ORT_PARALLEL}
BOOLEANS = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
LARGEST_COUNT = 2**31 - 1

ARENA_SHRINKAGE = "memory.enable_memory_arena_shrinkage"
DEVICE_ALLOCATOR = "session.use_device_allocator_for_initializers"
STOP_SPINNING, SPIN_US = "session.force_spinning_stop", "session.intra_op.spin_duration_us"
CUDA_PARAMETERS = (
    "cudnn_conv_algo_search",
    "gpu_mem_limit",
    "arena_extend_strategy",
    "do_copy_in_default_stream",
)
UNSUPPORTED_FIELDS = ("sequence_batching", "cc_model_filenames")
KNOWN = (
    "intra_op_thread_count",
    "inter_op_thread_count",
    "execution_mode",
    "enable_mem_arena",
    "enable_mem_pattern",
    "share_session_between_instances",
    ARENA_SHRINKAGE,
    DEVICE_ALLOCATOR,
    *CUDA_PARAMETERS,
)


@dataclass(frozen=True)
class Settings:
    """How to build and run a session. A thread count of 0, or None, is ONNX Runtime's default."""

    graph_level: int = 0
    intra_op_thread_count: int = 0
    inter_op_thread_count: int = 0
    execution_mode: int = 0
    enable_mem_arena: bool | None = None
    enable_mem_pattern: bool | None = None
    session_entries: Mapping[str, str] = field(default_factory=dict)
    run_entries: Mapping[str, str] = field(default_factory=dict)
    custom_operator_libraries: tuple[str, ...] = ()

    def with_thread_count(self) -> Settings:
        """These settings with a thread for each core that the process may use, unless a count is set.

        ONNX Runtime's default ignores a quota of CPU time, and ties threads to cores that others use too.
        """
        return replace(self, intra_op_thread_count=self.intra_op_thread_count or usable_cores())

    def session_options(self) -> onnxruntime.SessionOptions:
        """Return the settings as ONNX Runtime's session options.

        Raises:
            ConfigError: A library of custom operators cannot be loaded.
        """
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = GRAPH_LEVELS[self.graph_level]
        options.execution_mode = EXECUTION_MODES[self.execution_mode]
        options.intra_op_num_threads = self.intra_op_thread_count
        options.inter_op_num_threads = self.inter_op_thread_count
        if self.enable_mem_arena is not None:
            options.enable_cpu_mem_arena = self.enable_mem_arena
        if self.enable_mem_pattern is not None:
            options.enable_mem_pattern = self.enable_mem_pattern
        # A thread may spin until the next operator, but leaves its core to others between runs, when preprocessing
        # needs it, and while it waits for a thread that is late.
        options.add_session_config_entry(STOP_SPINNING, "1")
        options.add_session_config_entry(SPIN_US, "50")
        for key, value in self.session_entries.items():
            options.add_session_config_entry(key, value)
        for library in self.custom_operator_libraries:
            _register(library, options)
        return options

    def run_options(self) -> onnxruntime.RunOptions | None:
        """Return the settings as the options of every run; None if there are none."""
        if not self.run_entries:
            return None
        options = onnxruntime.RunOptions()
        for key, value in self.run_entries.items():
            options.add_run_config_entry(key, value)
        return options


def _register(library: str, options: onnxruntime.SessionOptions) -> None:
    try:
        options.register_custom_ops_library(library)
    except Exception as error:  # ONNX Runtime's errors share no base
        raise ConfigError(f"op_library_filename '{library}' cannot be loaded: {in_one_line(error)}") from error


def settings(config: Config) -> Settings:
    """Read the settings in `parameters`, `optimization` and `model_operations` of a model configuration.

    Raises:
        ConfigError: A key is unknown, not supported, or has a value out of its range.
    """
    _refuse_unsupported(config)
    parameters = _Parameters(config)
    parameters.refuse_unknown()
    if parameters.boolean("share_session_between_instances"):
        raise ConfigError(
            "parameter 'share_session_between_instances' is not supported, because each instance is a process; "
            "leave it out, or serve with NVIDIA's onnxruntime backend"
        )
    graph_level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    if graph_level not in GRAPH_LEVELS:
        raise ConfigError(f"optimization.graph.level: expected -1, 1, 2 or none, got {graph_level}")
    operators = config.get("model_operations", {}).get("op_library_filename", [])
    return Settings(
        graph_level=graph_level,
        intra_op_thread_count=parameters.count("intra_op_thread_count"),
        inter_op_thread_count=parameters.count("inter_op_thread_count"),
        execution_mode=parameters.count("execution_mode", highest=1),
        enable_mem_arena=parameters.boolean("enable_mem_arena"),
        enable_mem_pattern=parameters.boolean("enable_mem_pattern"),
        session_entries=parameters.entries(DEVICE_ALLOCATOR),
        run_entries=parameters.entries(ARENA_SHRINKAGE),
        custom_operator_libraries=tuple(operators),
    )


def _refuse_unsupported(config: Config) -> None:
    unsupported = [field for field in UNSUPPORTED_FIELDS if config.get(field)]
    if config.get("model_transaction_policy", {}).get("decoupled"):
        unsupported.append("decoupled")
    if unsupported:
        raise ConfigError(
            f"not supported: {', '.join(unsupported)}; leave it out, or serve with NVIDIA's onnxruntime backend"
        )


def read_bool(key: str, value: str) -> bool:
    """Read a value as Triton's backends do.

    Raises:
        ConfigError: The value is neither true nor false.
    """
    try:
        return BOOLEANS[value.lower()]
    except KeyError:
        raise ConfigError(f"parameter '{key}': expected one of {', '.join(BOOLEANS)}, got '{value}'") from None


class _Parameters:
    """Reads the `parameters` of a model configuration, which are all strings."""

    def __init__(self, config: Config) -> None:
        entries: Mapping[str, Any] = config.get("parameters", {})
        self._values = {key: str(entry["string_value"]) for key, entry in entries.items()}

    def refuse_unknown(self) -> None:
        for key in self._values:
            if key not in KNOWN:
                raise ConfigError(f"unknown parameter '{key}': expected one of {', '.join(KNOWN)}")

    def count(self, key: str, *, highest: int = LARGEST_COUNT) -> int:
        value = self._values.get(key, "0")
        if not value.isdecimal() or int(value) > highest:
            raise ConfigError(f"parameter '{key}': expected a whole number from 0 to {highest}, got '{value}'")
        return int(value)

    def boolean(self, key: str) -> bool | None:
        return read_bool(key, self._values[key]) if key in self._values else None

    def entries(self, key: str) -> dict[str, str]:
        return {key: self._values[key]} if key in self._values else {}
