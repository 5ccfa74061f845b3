"""The CUDA and TensorRT profiles of every network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from cronnx_onnxruntime.providers import TENSORRT_FLAGS, TENSORRT_VALUES
from cronnx_onnxruntime.settings import CUDA_PARAMETERS
from cronnx_server.add_model import configs as additions
from cronnx_server.build_models.catalogue import GPU_FILE, LIVE_VERSION, Model, Quantised, catalogue
from cronnx_server.model_spec import Task
from tests.contract import configs

MODELS = catalogue()
CLASSIFIERS = {name: model for name, model in MODELS.items() if model.task == Task.CLASSIFICATION}
SHAPES = re.compile(r"^ *(#|parameters \{ key:) .?trt_profile_.*\n", re.MULTILINE)

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
every_classifier = pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS)
NETWORK_PROFILES = [path for path in configs.PROFILES if path.stem in ("cuda", "tensorrt")]

every_profile = pytest.mark.parametrize("path", configs.PROFILES, ids=configs.name)
every_network_profile = pytest.mark.parametrize("path", NETWORK_PROFILES, ids=configs.name)


def accelerators(path: Path) -> dict[str, dict[str, str]]:
    """Return the parameters of a configuration's accelerators by their names."""
    config = MessageToDict(configs.read(path), preserving_proto_field_name=True)
    found = config.get("optimization", {}).get("execution_accelerators", {}).get("gpu_execution_accelerator", [])
    return {each["name"]: each.get("parameters", {}) for each in found}


def tensorrt(model: Model) -> dict[str, str]:
    """Return the parameters of a model's TensorRT profile."""
    return accelerators(configs.MODELS[f"{model.name}_onnx"].parent / "configs" / "tensorrt.pbtxt")["tensorrt"]


@every_model
def test_a_models_profiles_are_those_that_an_added_model_gets(model: Model) -> None:
    folder = configs.MODELS[f"{model.name}_onnx"].parent
    made = additions.profiles((folder / "config.pbtxt").read_text(), model.task)
    assert {path: SHAPES.sub("", (folder / path).read_text()) for path in made} == made


@every_profile
def test_a_profile_for_gpus_runs_on_a_gpu_or_not_at_all(path: Path) -> None:
    assert [group.kind for group in configs.read(path).instance_group] == [ModelInstanceGroup.KIND_GPU]


@every_network_profile
def test_a_profile_serves_only_versions_that_have_a_file_for_gpus(path: Path) -> None:
    config = configs.read(path)
    sources = MODELS[configs.folder(path).name.removesuffix("_onnx")].versions
    assert config.default_model_filename == GPU_FILE
    versions = [*config.version_policy.specific.versions]
    assert LIVE_VERSION in versions, "the ensembles pin it"
    # Its file for GPUs is in INT8, of which no engine has been built yet: docs/profiles.md.
    assert not any(isinstance(sources[version], Quantised) for version in versions)


@every_profile
def test_nvidias_backend_knows_every_parameter_and_overwrites_none(path: Path) -> None:
    # It refuses those of TensorRT that it does not know, among them trt_op_types_to_exclude.
    found = accelerators(path)
    assert found.keys() <= {"cuda", "tensorrt"}
    assert found.get("tensorrt", {}).keys() <= {*TENSORRT_VALUES, *TENSORRT_FLAGS}
    assert not found.get("cuda", {}).keys() & {*CUDA_PARAMETERS}


@every_profile
def test_the_precision_is_that_of_the_graph(path: Path) -> None:
    # TensorRT 11, of Triton 26.06, has no other: docs/profiles.md.
    assert "precision_mode" not in path.read_text()


def test_cuda_gets_its_search_of_algorithms_by_the_parameter_that_counts() -> None:
    for path in configs.PROFILES:
        if path.stem == "cuda":
            assert configs.read(path).parameters["cudnn_conv_algo_search"].string_value == "1"


@every_classifier
def test_an_engine_is_for_every_batch(model: Model) -> None:
    tensors = {"pixels": "{0}x{1}x{1}x3", "planes": "{0}x3x{1}x{1}", "planes_fp32": "{0}x3x{1}x{1}"}
    for which, batch in (("min", 1), ("opt", model.max_batch_size), ("max", model.max_batch_size)):
        expected = ",".join(f"{name}:{shape.format(batch, model.height)}" for name, shape in tensors.items())
        assert tensorrt(model)[f"trt_profile_{which}_shapes"] == expected


@every_classifier
def test_engines_are_in_a_folder_of_the_working_folder(model: Model) -> None:
    # The server starts in the folder of its release and GPU: cronnx_server.engines.
    for cache in ("trt_engine_cache", "trt_timing_cache"):
        assert tensorrt(model)[f"{cache}_enable"] == "1"
        assert tensorrt(model)[f"{cache}_path"] == "engines"
