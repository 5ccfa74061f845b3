from __future__ import annotations

import cronnx_preprocess


def test_the_public_names_are_those_that_model_py_and_its_callers_need() -> None:
    errors = {"CancelledError", "ConfigError", "InvalidImageError", "OverloadError", "PreprocessError"}
    answers = {"Answer", "DeviceImages", "Images"}
    expected = {*errors, *answers, "QUEUE_FULL", "REQUEST_TIMEOUT", "Options", "Payloads", "Pictures"}
    expected |= {"Preprocessor", "Scheduler", "Tensors", "gpu_renderer"}
    assert set(cronnx_preprocess.__all__) == expected
    assert all(hasattr(cronnx_preprocess, name) for name in expected)
