"""The profile in which `preprocess` decodes on the GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from cronnx_preprocess import ConfigError, Options, gpu_renderer
from cronnx_preprocess.gpu import PACKAGES
from cronnx_server.paths import ROOT
from tests.contract import configs

PROFILE = "gpu_decoding"
PREPROCESS = [path for path in configs.DEFAULTS if path in configs.PREPROCESS_MODELS]

every_model = pytest.mark.parametrize("default", PREPROCESS, ids=configs.name)


def profile(default: Path) -> Path:
    return default.parent / "configs" / f"{PROFILE}.pbtxt"


@every_model
def test_the_profile_is_the_default_on_a_gpu(default: Path) -> None:
    config = configs.read(profile(default))
    (group,) = config.instance_group
    assert (group.count, group.kind) == (2, ModelInstanceGroup.KIND_GPU)
    assert config.parameters["decoder"].string_value == "gpu"
    del config.parameters["decoder"]
    config.instance_group[0].CopyFrom(configs.read(default).instance_group[0])
    assert config == configs.read(default)


@every_model
def test_every_recipe_can_be_followed_on_a_gpu_and_needs_the_packages(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cvcuda", None)
    with pytest.raises(ConfigError, match=f"expected the packages of {PACKAGES}"):
        gpu_renderer(Options.from_model_config(configs.triton_json(profile(default))), kind="GPU", device_id=0)


def test_the_packages_are_locked_and_no_image_has_them_by_default() -> None:
    lock = (ROOT / PACKAGES).read_text()
    assert {"cvcuda-cu12", "nvidia-nvimgcodec-cu12"} <= {line.partition("==")[0] for line in lock.splitlines()}
    assert "gpu_decoding" not in (ROOT / "Dockerfile").read_text()
