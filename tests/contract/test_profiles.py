"""The CUDA and TensorRT profiles of every network."""

from __future__ import annotations

import re

import pytest
from google.protobuf.json_format import MessageToDict

from cronnx_server.add_model import configs as additions
from cronnx_server.build_models.catalogue import Model, Quantised, catalogue
from cronnx_server.model_spec import Task
from cronnx_server.paths import ROOT, STATE
from tests.contract import configs

MODELS = catalogue()
CLASSIFIERS = {name: model for name, model in MODELS.items() if model.task == Task.CLASSIFICATION}
FLOAT_ALONE = {
    name: model
    for name, model in CLASSIFIERS.items()
    if not any(isinstance(source, Quantised) for source in model.versions.values())
}
SHAPES = re.compile(r"^ *(#|parameters \{ key:) .?trt_profile_.*\n", re.MULTILINE)

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def tensorrt(model: Model) -> dict[str, str]:
    """Return the parameters of a model's TensorRT profile."""
    config = MessageToDict(configs.read(configs.MODELS[f"{model.name}_onnx"].parent / "configs" / "tensorrt.pbtxt"))
    (accelerator,) = config["optimization"]["executionAccelerators"]["gpuExecutionAccelerator"]
    parameters: dict[str, str] = accelerator["parameters"]
    return parameters


@every_model
def test_a_models_profiles_are_those_that_an_added_model_gets(model: Model) -> None:
    folder = configs.MODELS[f"{model.name}_onnx"].parent
    made = additions.profiles((folder / "config.pbtxt").read_text(), model.task)
    assert {path: SHAPES.sub("", (folder / path).read_text()) for path in made} == made


@pytest.mark.parametrize("model", FLOAT_ALONE.values(), ids=FLOAT_ALONE)
def test_an_engine_is_for_every_batch_where_all_versions_are_in_floating_point(model: Model) -> None:
    tensors = {"pixels": "{0}x{1}x{1}x3", "planes": "{0}x3x{1}x{1}", "planes_fp32": "{0}x3x{1}x{1}"}
    for which, batch in (("min", 1), ("opt", model.max_batch_size), ("max", model.max_batch_size)):
        expected = ",".join(f"{name}:{shape.format(batch, model.height)}" for name, shape in tensors.items())
        assert tensorrt(model)[f"trt_profile_{which}_shapes"] == expected


@pytest.mark.parametrize("model", [model for name, model in CLASSIFIERS.items() if name not in FLOAT_ALONE])
def test_the_warm_up_shapes_the_engines_where_a_version_is_int8(model: Model) -> None:
    # TensorRT skips asymmetric INT8, so that its part of the graph may begin anywhere; a session whose explicit shapes
    # lack one of its inputs does not load: docs/profiles.md.
    assert not [key for key in tensorrt(model) if key.startswith("trt_profile_")]


@pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_engines_are_cached_in_a_folder_of_the_project_that_git_ignores(model: Model) -> None:
    for cache in ("trt_engine_cache_path", "trt_timing_cache_path"):
        folder = ROOT / tensorrt(model)[cache]
        assert folder.is_relative_to(STATE)
        assert f"{STATE.name}/" in (ROOT / ".gitignore").read_text().splitlines()
