"""The execution providers of a session: CUDA or TensorRT on a GPU where ONNX Runtime has them, else the CPU.

Source of keys and defaults: README and `ModelState::LoadModel` of triton-inference-server/onnxruntime_backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronnx_onnxruntime.errors import ConfigurationError
from cronnx_onnxruntime.settings import CUDA_PARAMETERS
from cronnx_onnxruntime.signature import Config

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPU_ACCELERATORS = ("cuda", "tensorrt")

PRECISION_MODES: Mapping[str, dict[str, str]] = {
    "FP32": {},
    "FP16": {"trt_fp16_enable": "1"},
    "BF16": {"trt_bf16_enable": "1"},
    "INT8": {"trt_int8_enable": "1"},
}
TENSORRT_NAMES = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}
CUDA_CHOICES = {
    "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested"),
}


@dataclass(frozen=True)
class Providers:
    """What `InferenceSession` is given, the first the preferred, and what to warn of, if anything."""

    options: Mapping[str, dict[str, str]]
    warning: str | None = None


def providers(config: Config, *, kind: str, device_id: int, available: Sequence[str]) -> Providers:
    """The providers for an instance.

    Args:
        config: the model configuration.
        kind: the instance's kind, `CPU` or `GPU`.
        device_id: the GPU's number.
        available: what this ONNX Runtime was built with.

    Raises:
        ConfigurationError: an accelerator or one of its options is unknown or cannot be honoured.
    """
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    _refuse_cpu_accelerators(accelerators.get("cpu_execution_accelerator", []))
    asked = {entry["name"]: entry.get("parameters", {}) for entry in accelerators.get("gpu_execution_accelerator", [])}
    wanted = _gpu_options(asked, config, device_id)
    if kind != "GPU":
        return Providers({CPU: {}}, f"{', '.join(asked)} not used: the instance is on the CPU" if asked else None)
    found = {name: options for name, options in wanted.items() if name in available}
    missing = [name for name in wanted if name not in available]
    warning = (
        f"{', '.join(missing)} not in this ONNX Runtime: {' and '.join(found) or CPU} is used" if missing else None
    )
    return Providers({**found, CPU: {}}, warning)


def _refuse_cpu_accelerators(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        raise ConfigurationError(
            f"cpu_execution_accelerator '{entry['name']}' cannot be honoured: this ONNX Runtime has none; leave it out"
        )


def _gpu_options(asked: Mapping[str, Mapping[str, str]], config: Config, device_id: int) -> dict[str, dict[str, str]]:
    for name in asked:
        if name not in GPU_ACCELERATORS:
            raise ConfigurationError(
                f"unknown gpu_execution_accelerator '{name}'; known are {', '.join(GPU_ACCELERATORS)}"
            )
    device = {"device_id": str(device_id)}
    options = {CUDA: {**_deprecated_cuda_options(config), **asked.get("cuda", {}), **device}}
    if "tensorrt" in asked:
        options = {TENSORRT: {**_tensorrt_options(asked["tensorrt"]), **device}, **options}
    return options


def _tensorrt_options(parameters: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parameters.items():
        if key == "precision_mode":
            if value not in PRECISION_MODES:
                raise ConfigurationError(f"precision_mode is '{value}', expected {', '.join(PRECISION_MODES)}")
            options.update(PRECISION_MODES[value])
        elif key in TENSORRT_NAMES or key.startswith("trt_"):
            options[TENSORRT_NAMES.get(key, key)] = value
        else:
            raise ConfigurationError(f"unknown parameter '{key}' of gpu_execution_accelerator 'tensorrt'")
    return options


def _deprecated_cuda_options(config: Config) -> dict[str, str]:
    parameters = config.get("parameters", {})
    return {key: _cuda_value(key, parameters[key]["string_value"]) for key in CUDA_PARAMETERS if key in parameters}


def _cuda_value(key: str, value: str) -> str:
    choices = CUDA_CHOICES.get(key)
    if choices is None:
        return value
    if not value.isdecimal() or int(value) >= len(choices):
        numbered = ", ".join(f"{number} ({choice})" for number, choice in enumerate(choices))
        raise ConfigurationError(f"parameter '{key}' is '{value}', expected {numbered}")
    return choices[int(value)]
