from __future__ import annotations

import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab.tune.candidates import (
    Candidate,
    Settings,
    batching,
    differing_lines,
    instances_and_threads,
    settings_of,
    with_settings,
)
from cronnx_server import repository
from cronnx_server.paths import MODEL_REPOSITORY

PRESENT = Settings()
NETWORK = repository.read_config(MODEL_REPOSITORY / "resnet50_onnx")
PREPROCESS = repository.read_config(MODEL_REPOSITORY / "preprocess_224")
OTHER = Settings(2, 1, 500, (4, 8))


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_instances_and_threads_are_few_different_and_keep_within_the_cores(cores: int) -> None:
    tried = instances_and_threads(PRESENT, cores=cores)
    assert tried[0] == PRESENT
    assert len(set(tried)) == len(tried) <= 4
    assert all(each.instances * (each.threads or cores) <= cores for each in tried)


def test_instances_and_threads_of_two_cores() -> None:
    assert [(each.instances, each.threads) for each in instances_and_threads(PRESENT, cores=2)] == [
        (1, 0),
        (1, 1),
        (2, 1),
    ]


def test_present_settings_that_are_none_of_the_others_are_tried_beside_them() -> None:
    present = Settings(instances=5, threads=3)
    assert instances_and_threads(present, cores=2)[0] == present
    assert len(instances_and_threads(present, cores=2)) == 4


def test_batching_is_delays_and_a_batch_that_half_the_requests_fill() -> None:
    tried = batching(PRESENT, max_batch_size=32, concurrency=16)
    assert [(each.max_queue_delay_microseconds, each.preferred_batch_size) for each in tried] == [
        (0, ()),
        (1_000, ()),
        (5_000, ()),
        (5_000, (8,)),
    ]


def test_no_batch_is_preferred_where_no_two_requests_can_wait() -> None:
    assert not any(each.preferred_batch_size for each in batching(PRESENT, max_batch_size=32, concurrency=2))


def test_a_candidate_changes_one_step() -> None:
    candidate = Candidate((("preprocess", PRESENT), ("network", PRESENT)))
    changed = candidate.with_step("network", Settings(instances=2))
    assert changed.settings("network") == Settings(instances=2)
    assert changed.settings("preprocess") == PRESENT


def test_settings_are_read_from_a_config() -> None:
    assert settings_of(NETWORK) == Settings(1, 0, 10_000)
    assert settings_of(PREPROCESS) == Settings()


def test_settings_that_are_put_into_a_config_are_read_back() -> None:
    for config in (NETWORK, PREPROCESS):
        assert settings_of(with_settings(config, OTHER)) == OTHER


def test_the_present_settings_change_nothing() -> None:
    for config in (NETWORK, PREPROCESS):
        assert with_settings(config, settings_of(config)) == config
        assert list(differing_lines(config, with_settings(config, settings_of(config)))) == []


def test_a_config_without_instances_gets_a_group() -> None:
    config = ModelConfig(backend="preprocess")
    assert settings_of(with_settings(config, Settings(instances=3))).instances == 3


def test_a_model_without_dynamic_batching_is_given_none() -> None:
    config = ModelConfig(backend="onnxruntime")
    assert not with_settings(config, OTHER).HasField("dynamic_batching")


def test_the_lines_that_differ_make_the_settings_in_a_config_of_their_own() -> None:
    changed = with_settings(PREPROCESS, OTHER)
    lines = list(differing_lines(PREPROCESS, changed))
    assert lines == [
        "instance_group { count: 2 kind: KIND_CPU }",
        "dynamic_batching { preferred_batch_size: 4 preferred_batch_size: 8 max_queue_delay_microseconds: 500 }",
        'parameters { key: "threads" value { string_value: "1" } }',
    ]
    alone = text_format.Parse("\n".join(lines), ModelConfig(backend="preprocess"))
    assert settings_of(alone) == OTHER
