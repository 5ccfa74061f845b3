"""Rules for every configuration, whichever backend serves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from tests.contract import configs

ALL = (*configs.DEFAULTS, *configs.PROFILES)

IN_PROFILES = (
    "optimization",
    "instance_group",
    "parameters",
    "dynamic_batching",
    "default_model_filename",
    "version_policy",
    "model_warmup",
)

every_config = pytest.mark.parametrize("path", ALL, ids=configs.name)
every_default = pytest.mark.parametrize("path", configs.DEFAULTS, ids=configs.name)
every_profile = pytest.mark.parametrize("path", configs.PROFILES, ids=configs.name)


def test_configs_of_every_kind_are_found() -> None:
    assert configs.PROFILES
    assert configs.ENSEMBLE_MODELS
    assert configs.PREPROCESS_MODELS
    assert configs.ONNX_MODELS
    assert configs.ROUTER_MODELS


def test_every_config_is_of_a_kind_that_has_its_own_tests() -> None:
    kinds = (configs.ENSEMBLE_MODELS, configs.PREPROCESS_MODELS, configs.ONNX_MODELS, configs.ROUTER_MODELS)
    assert sorted(path for kind in kinds for path in kind) == sorted(ALL)


@every_config
def test_a_config_says_what_serves_it_and_what_goes_in_and_out(path: Path) -> None:
    config = configs.read(path)
    assert bool(config.backend) != bool(config.platform)
    assert config.input
    assert config.output


@every_default
def test_a_model_has_a_version_folder_that_git_keeps(path: Path) -> None:
    assert (path.parent / "1" / ".gitkeep").is_file()


@every_default
def test_a_default_config_leaves_triton_to_choose_gpus_or_the_cpu(path: Path) -> None:
    # Python computes on the CPU; without a kind, eight GPUs would start eight times as many processes.
    config = configs.read(path)
    in_python = config.backend in ("preprocess", "router")
    kind = ModelInstanceGroup.KIND_CPU if in_python else ModelInstanceGroup.KIND_AUTO
    assert {group.kind for group in config.instance_group} <= {kind}
    assert config.instance_group or not in_python


@every_profile
def test_a_profile_differs_from_the_default_in_how_a_model_runs_alone(path: Path) -> None:
    profile, default = configs.read(path), configs.read(configs.folder(path) / "config.pbtxt")
    assert profile != default
    for config in (profile, default):
        for field in IN_PROFILES:
            config.ClearField(field)
    assert profile == default


@every_config
def test_a_cache_answers_for_classifiers_networks_alone(path: Path) -> None:
    # A promotion does not change an ensemble's version, a router draws its arm, and the cache would keep a refusal by
    # preprocess as an answer without pixels: docs/cache.md.
    config = configs.read(path)
    is_classifier = "served_by" in {output.name for output in config.output}
    assert config.response_cache.enable is (config.backend == "onnxruntime" and is_classifier)
