"""Triton 24.10 and 26.07, the ends of the supported range, know every field and value of every configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from cronnx_server.add_model.configs import TEMPLATES
from tests.contract import configs
from tests.contract.model_config import RELEASES, model_config

every_config = pytest.mark.parametrize("path", [*configs.DEFAULTS, *configs.PROFILES], ids=configs.name)


@every_config
def test_a_config_means_the_same_to_every_release(path: Path) -> None:
    meanings = [
        text_format.Parse(path.read_text(), model_config(release)()).SerializeToString(deterministic=True)
        for release in RELEASES
    ]
    assert meanings[0] == meanings[1] != b""


@pytest.mark.parametrize("newer", ["model_metrics { }", "ensemble_scheduling { max_inflight_requests: 1 }"])
def test_only_24_10_refuses_a_field_that_it_lacks(newer: str) -> None:
    text_format.Parse(newer, model_config("26.07")())
    with pytest.raises(text_format.ParseError, match="has no field named"):
        text_format.Parse(newer, model_config("24.10")())


@pytest.mark.parametrize("unknown", ["kind: 1", "instance_group [ { kind: KIND_NPU } ]"])
def test_a_field_or_value_that_no_release_has_is_refused(unknown: str) -> None:
    for release in RELEASES:
        with pytest.raises(text_format.ParseError):
            text_format.Parse(unknown, model_config(release)())


@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_every_release_knows_the_profiles_of_added_models(name: str) -> None:
    for release in RELEASES:
        text_format.Parse((TEMPLATES / f"{name}.pbtxt").read_text(), model_config(release)())
