"""The execution providers of a session: CUDA or TensorRT on a GPU if ONNX Runtime has them, otherwise the CPU.

Source of keys and defaults: README and `ModelState::LoadModel` of triton-inference-server/onnxruntime_backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.settings import CUDA_PARAMETERS, read_bool
from cronnx_onnxruntime.signature import Config

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPU_ACCELERATORS = ("cuda", "tensorrt")

PRECISION_MODES: Mapping[str, dict[str, str]] = {
    "FP32": {},
    "FP16": {"trt_fp16_enable": "True"},
    "BF16": {"trt_bf16_enable": "True"},
    "INT8": {"trt_int8_enable": "True"},
}
TENSORRT_RENAMED = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}
TENSORRT_VALUES = (
    "max_workspace_size_bytes",
    "int8_calibration_table_name",
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
    "trt_dla_core",
    "trt_engine_cache_path",
    "trt_engine_cache_prefix",
    "trt_timing_cache_path",
    "trt_builder_optimization_level",
    "trt_auxiliary_streams",
    "trt_tactic_sources",
    "trt_extra_plugin_lib_paths",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_profile_max_shapes",
    "trt_ep_context_file_path",
    "trt_ep_context_embed_mode",
)
TENSORRT_FLAGS = (
    "int8_use_native_calibration_table",
    "trt_dla_enable",
    "trt_engine_cache_enable",
    "trt_dump_subgraphs",
    "trt_force_sequential_engine_build",
    "trt_context_memory_sharing_enable",
    "trt_layer_norm_fp32_fallback",
    "trt_timing_cache_enable",
    "trt_force_timing_cache",
    "trt_detailed_build_log",
    "trt_build_heuristics_enable",
    "trt_sparsity_enable",
    "trt_cuda_graph_enable",
    "trt_dump_ep_context_model",
)
CUDA_CHOICES = {
    "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested"),
}


@dataclass(frozen=True)
class Providers:
    """The providers of a session.

    Attributes:
        options: The options of each provider, by its name; the preferred provider first.
        warning: How they differ from what the configuration asks for; None if they do not.
    """

    options: Mapping[str, dict[str, str]]
    warning: str | None = None


def providers(config: Config, *, kind: str, device_id: int, available: Sequence[str]) -> Providers:
    """Choose the providers of an instance.

    Args:
        config: The model configuration.
        kind: The instance's kind, `CPU` or `GPU`.
        device_id: The GPU's number.
        available: The providers that this ONNX Runtime was built with.

    Raises:
        ConfigError: An accelerator or one of its options is unknown or not supported.
    """
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    _refuse_cpu_accelerators(accelerators.get("cpu_execution_accelerator", []))
    requested = {
        entry["name"]: entry.get("parameters", {}) for entry in accelerators.get("gpu_execution_accelerator", [])
    }
    wanted = _gpu_options(requested, config, device_id)
    if kind != "GPU":
        return Providers(
            {CPU: {}}, f"{', '.join(requested)} not used: the instance is on the CPU" if requested else None
        )
    found = {name: options for name, options in wanted.items() if name in available}
    missing = [name for name in wanted if name not in available]
    warning = (
        f"{', '.join(missing)} not in this ONNX Runtime: {' and '.join(found) or CPU} is used" if missing else None
    )
    return Providers({**found, CPU: {}}, warning)


def _refuse_cpu_accelerators(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        raise ConfigError(
            f"cpu_execution_accelerator '{entry['name']}' is not supported: this ONNX Runtime has none; leave it out"
        )


def _gpu_options(
    requested: Mapping[str, Mapping[str, str]], config: Config, device_id: int
) -> dict[str, dict[str, str]]:
    for name in requested:
        if name not in GPU_ACCELERATORS:
            raise ConfigError(f"unknown gpu_execution_accelerator '{name}': expected {' or '.join(GPU_ACCELERATORS)}")
    _refuse_overwritten(requested.get("cuda", {}))
    device = {"device_id": str(device_id)}
    options = {CUDA: {**requested.get("cuda", {}), **_deprecated_cuda_options(config), **device}}
    if "tensorrt" in requested:
        options = {TENSORRT: {**_tensorrt_options(requested["tensorrt"]), **device}, **options}
    return options


def _refuse_overwritten(parameters: Mapping[str, str]) -> None:
    """NVIDIA's backend overwrites these by the parameters of the model, or by their defaults."""
    for key in CUDA_PARAMETERS:
        if key in parameters:
            raise ConfigError(
                f"parameter '{key}' of gpu_execution_accelerator 'cuda' has no effect in NVIDIA's backend; write "
                f'parameters {{ key: "{key}" value {{ string_value: "…" }} }} in the model\'s configuration'
            )


def _tensorrt_options(parameters: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parameters.items():
        name = TENSORRT_RENAMED.get(key, key)
        if key == "precision_mode":
            options.update(_precision(value))
        elif key in TENSORRT_FLAGS:
            options[name] = str(read_bool(key, value))  # ONNX Runtime's Python interface takes "True", not "1"
        elif key in TENSORRT_VALUES:
            options[name] = value
        else:
            raise ConfigError(f"unknown parameter '{key}' of gpu_execution_accelerator 'tensorrt'")
    return options


def _precision(mode: str) -> dict[str, str]:
    if mode not in PRECISION_MODES:
        raise ConfigError(f"parameter 'precision_mode': expected one of {', '.join(PRECISION_MODES)}, got '{mode}'")
    return PRECISION_MODES[mode]


def _deprecated_cuda_options(config: Config) -> dict[str, str]:
    parameters = config.get("parameters", {})
    return {key: _cuda_value(key, parameters[key]["string_value"]) for key in CUDA_PARAMETERS if key in parameters}


def _cuda_value(key: str, value: str) -> str:
    choices = CUDA_CHOICES.get(key)
    if choices is None:
        return value
    if not value.isdecimal() or int(value) >= len(choices):
        numbered = ", ".join(f"{number} ({choice})" for number, choice in enumerate(choices))
        raise ConfigError(f"parameter '{key}': expected one of {numbered}, got '{value}'")
    return choices[int(value)]
