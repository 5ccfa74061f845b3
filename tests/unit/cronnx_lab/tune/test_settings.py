from __future__ import annotations

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_lab.tune.settings import Settings, differing_lines, settings_of, with_settings
from cronnx_server import repository
from cronnx_server.paths import MODEL_REPOSITORY

NETWORK = repository.read_config(MODEL_REPOSITORY / "resnet50_onnx")
PREPROCESS = repository.read_config(MODEL_REPOSITORY / "preprocess_224")
OTHER = Settings(2, 1, 500, (4, 8))


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
        "instance_group { count: 2 }",
        "dynamic_batching { preferred_batch_size: 4 preferred_batch_size: 8 max_queue_delay_microseconds: 500 }",
        'parameters { key: "threads" value { string_value: "1" } }',
    ]
    alone = text_format.Parse("\n".join(lines), ModelConfig(backend="preprocess"))
    assert settings_of(alone) == OTHER
