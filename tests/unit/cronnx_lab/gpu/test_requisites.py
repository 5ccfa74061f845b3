from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cronnx_lab.gpu.requisites import Requisite, gpu_facts, requisites
from cronnx_server.paths import MODEL_REPOSITORY
from cronnx_server.serve.tritonserver import gpu_count


def test_each_requisite_is_there_or_says_what_to_do() -> None:
    assert str(Requisite("a GPU")) == "ready    a GPU"
    assert str(Requisite("a GPU", "buy one")) == "missing  a GPU: buy one"


def test_a_machine_is_asked_for_a_gpu_two_packages_and_the_models() -> None:
    found = requisites(["efficientnet_lite0"], profile="")
    assert [each.name for each in found] == [
        "an NVIDIA GPU",
        "ONNX Runtime with CUDA",
        "nvImageCodec and CV-CUDA",
        "the model efficientnet_lite0",
    ]


def test_a_profile_needs_the_file_that_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = tmp_path / "efficientnet_lite0_onnx"
    shutil.copytree(MODEL_REPOSITORY / network.name / "configs", network / "configs")
    shutil.copy(MODEL_REPOSITORY / network.name / "config.pbtxt", network)
    monkeypatch.setattr("cronnx_lab.gpu.requisites.MODEL_REPOSITORY", tmp_path)
    (network / "1").mkdir()

    def lack(profile: str) -> str:
        return requisites(["efficientnet_lite0"], profile=profile)[-1].lack

    assert lack("") == "scripts/build_models efficientnet_lite0"
    (network / "1" / "model.onnx").touch()
    assert lack("") == ""
    assert lack("cuda") == "scripts/build_models efficientnet_lite0 --gpu"
    (network / "1" / "model_gpu.onnx").touch()
    assert lack("cuda") == ""


def test_the_hardware_is_named_where_there_is_a_gpu() -> None:
    assert bool(gpu_facts()) == bool(gpu_count())
