from __future__ import annotations

from typing import Any

import pytest

from cronnx import InvalidInput, ModelStatus
from cronnx._models import check_name, checked_version, model_info, model_statistics, model_status


def test_a_model_never_loaded_has_neither_version_nor_state() -> None:
    assert model_status({"name": "m"}) == ModelStatus("m", "", "", "")


def test_fields_that_grpc_leaves_out_are_0_or_empty() -> None:
    statistics = model_statistics({"name": "m", "version": "1"})
    assert (statistics.inference_count, statistics.success_ns, statistics.batch_sizes) == (0, 0, {})
    info = model_info({"name": "m", "outputs": [{"name": "x", "datatype": "FP32"}]}, {})
    assert (info.max_batch_size, info.inputs, info.outputs[0].shape) == (0, (), ())


def test_numbers_that_grpc_gives_as_text_are_read() -> None:
    entry = {"name": "m", "inference_count": "9007199254740993", "batch_stats": [{"batch_size": "2"}]}
    statistics = model_statistics(entry)
    assert (statistics.inference_count, statistics.batch_sizes) == (9007199254740993, {2: 0})


@pytest.mark.parametrize("version", ["", "1", "20240101"])
def test_a_version_is_a_number_or_left_to_the_server(version: str) -> None:
    assert checked_version(version) == version


def test_a_version_may_be_a_number_of_python() -> None:
    assert checked_version(2) == "2"


@pytest.mark.parametrize("version", ["latest", "-1", "1/config", "1.0", "\u0662", -1, 1.0, True, None])
def test_another_version_is_refused(version: Any) -> None:
    with pytest.raises(InvalidInput, match="expected a number, or empty"):
        checked_version(version)


@pytest.mark.parametrize("name", ["net", "", "a b", "été", "..."])
def test_a_name_that_is_not_a_path_is_left_to_the_server(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["..", ".", "../net", "/etc/net", "net/../../net", "net/versions/1", "a\\b", "a\0", "a\nb"]
)
def test_a_path_is_refused_as_a_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="expected a name, not a path"):
        check_name(name)
