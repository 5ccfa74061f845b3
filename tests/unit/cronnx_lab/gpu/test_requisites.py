from __future__ import annotations

from cronnx_lab.gpu.requisites import Requisite, gpu_facts, requisites
from cronnx_server.serve.tritonserver import gpu_count


def test_each_requisite_is_there_or_says_what_to_do() -> None:
    assert str(Requisite("a GPU")) == "ready    a GPU"
    assert str(Requisite("a GPU", "buy one")) == "missing  a GPU: buy one"


def test_a_machine_is_asked_for_a_gpu_two_packages_and_the_models() -> None:
    found = requisites(["efficientnet_lite0"])
    assert [each.name for each in found] == [
        "an NVIDIA GPU",
        "ONNX Runtime with CUDA",
        "nvImageCodec and CV-CUDA",
        "the model efficientnet_lite0",
    ]


def test_the_hardware_is_named_where_there_is_a_gpu() -> None:
    assert bool(gpu_facts()) == bool(gpu_count())
