from __future__ import annotations

import pytest

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.providers import CPU, CUDA, TENSORRT, Providers, providers
from cronnx_onnxruntime.settings import CUDA_PARAMETERS
from tests.unit.cronnx_onnxruntime.configs import Config, accelerated, config, parameters

EVERYTHING = (TENSORRT, CUDA, CPU)


def on_gpu(given: Config, *, device_id: int = 0, available: tuple[str, ...] = EVERYTHING) -> Providers:
    return providers(given, kind="GPU", device_id=device_id, available=available)


def on_cpu(given: Config) -> Providers:
    return providers(given, kind="CPU", device_id=0, available=EVERYTHING)


def test_an_instance_on_the_cpu_uses_the_cpu() -> None:
    assert on_cpu(config()) == Providers({CPU: {}})


def test_an_instance_on_a_gpu_uses_cuda_there_and_falls_back_to_the_cpu() -> None:
    assert on_gpu(config(), device_id=2) == Providers({CUDA: {"device_id": "2"}, CPU: {}})


def test_tensorrt_comes_before_cuda() -> None:
    chosen = on_gpu(accelerated("tensorrt", precision_mode="FP16"), device_id=1)
    assert list(chosen.options) == [TENSORRT, CUDA, CPU]
    assert chosen.options[TENSORRT] == {"trt_fp16_enable": "True", "device_id": "1"}
    assert chosen.warning is None


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("FP32", {}),
        ("FP16", {"trt_fp16_enable": "True"}),
        ("BF16", {"trt_bf16_enable": "True"}),
        ("INT8", {"trt_int8_enable": "True"}),
    ],
)
def test_a_precision_mode_is_an_option_of_tensorrt(mode: str, options: dict[str, str]) -> None:
    assert on_gpu(accelerated("tensorrt", precision_mode=mode)).options[TENSORRT] == {**options, "device_id": "0"}


@pytest.mark.parametrize(
    ("key", "value", "option", "passed"),
    [
        ("max_workspace_size_bytes", "1073741824", "trt_max_workspace_size", "1073741824"),
        ("int8_calibration_table_name", "table", "trt_int8_calibration_table_name", "table"),
        ("int8_use_native_calibration_table", "1", "trt_int8_use_native_calibration_table", "True"),
        ("trt_engine_cache_enable", "1", "trt_engine_cache_enable", "True"),
        ("trt_timing_cache_enable", "false", "trt_timing_cache_enable", "False"),
        ("trt_engine_cache_path", "/cache", "trt_engine_cache_path", "/cache"),
        ("trt_profile_max_shapes", "pixels:16x224x224x3", "trt_profile_max_shapes", "pixels:16x224x224x3"),
    ],
)
def test_a_parameter_of_tensorrt_reaches_it_in_onnx_runtimes_form(
    key: str, value: str, option: str, passed: str
) -> None:
    assert on_gpu(accelerated("tensorrt", **{key: value})).options[TENSORRT][option] == passed


def test_parameters_of_cuda_reach_it_unchanged() -> None:
    chosen = on_gpu(accelerated("cuda", cudnn_conv_use_max_workspace="0", use_tf32="0"))
    assert chosen.options == {
        CUDA: {"cudnn_conv_use_max_workspace": "0", "use_tf32": "0", "device_id": "0"},
        CPU: {},
    }


@pytest.mark.parametrize(
    ("key", "value", "passed"),
    [
        ("cudnn_conv_algo_search", "0", "EXHAUSTIVE"),
        ("cudnn_conv_algo_search", "2", "DEFAULT"),
        ("arena_extend_strategy", "1", "kSameAsRequested"),
        ("gpu_mem_limit", "4294967296", "4294967296"),
        ("do_copy_in_default_stream", "0", "0"),
    ],
)
def test_a_deprecated_parameter_reaches_cuda(key: str, value: str, passed: str) -> None:
    assert on_gpu(parameters(**{key: value})).options[CUDA][key] == passed


@pytest.mark.parametrize("key", CUDA_PARAMETERS)
def test_a_parameter_of_cuda_that_nvidias_backend_overwrites_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{key}' of gpu_execution_accelerator 'cuda' has no effect in NVIDIA's"):
        on_gpu(accelerated("cuda", **{key: "1"}))


def test_the_device_is_the_instances() -> None:
    assert on_gpu(accelerated("cuda", device_id="7"), device_id=1).options[CUDA]["device_id"] == "1"


@pytest.mark.parametrize(
    ("given", "available", "used", "warning"),
    [
        (config(), (CPU,), [CPU], f"{CUDA} not in this ONNX Runtime: {CPU} is used"),
        (accelerated("tensorrt"), (CPU,), [CPU], f"{TENSORRT}, {CUDA} not in this ONNX Runtime: {CPU} is used"),
        (accelerated("tensorrt"), (CUDA, CPU), [CUDA, CPU], f"{TENSORRT} not in this ONNX Runtime: {CUDA} is used"),
    ],
)
def test_a_gpu_without_the_provider_falls_back_with_one_warning(
    given: Config, available: tuple[str, ...], used: list[str], warning: str
) -> None:
    chosen = on_gpu(given, available=available)
    assert (list(chosen.options), chosen.warning) == (used, warning)


@pytest.mark.parametrize("name", ["tensorrt", "cuda"])
def test_an_accelerator_on_the_cpu_is_left_out_with_one_warning(name: str) -> None:
    assert on_cpu(accelerated(name)) == Providers({CPU: {}}, f"{name} not used: the instance is on the CPU")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (accelerated("cudnn"), "unknown gpu_execution_accelerator 'cudnn': expected cuda or tensorrt"),
        (accelerated("openvino", processor="cpu"), "cpu_execution_accelerator 'openvino' is not supported"),
        (
            accelerated("tensorrt", precision_mode="FP8"),
            "'precision_mode': expected one of FP32, FP16, BF16, INT8, got 'FP8'",
        ),
        (accelerated("tensorrt", trt_engine_cache="1"), "unknown parameter 'trt_engine_cache' of .* 'tensorrt'"),
        (accelerated("tensorrt", trt_engine_cache_enable="yes"), "parameter 'trt_engine_cache_enable': .* got 'yes'"),
        (
            parameters(cudnn_conv_algo_search="3"),
            "'cudnn_conv_algo_search': expected one of 0 .EXHAUSTIVE., 1 .* got '3'",
        ),
        (
            parameters(arena_extend_strategy="x"),
            "'arena_extend_strategy': expected one of 0 .kNextPowerOfTwo., 1 .* 'x'",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_an_unsupported_accelerator_or_option_is_refused_by_name_on_every_device(
    given: Config, reason: str, kind: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        providers(given, kind=kind, device_id=0, available=EVERYTHING)
