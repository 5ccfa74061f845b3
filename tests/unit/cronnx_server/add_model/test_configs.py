"""The written configurations read like those written by hand."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_onnxruntime.signature import Signature
from cronnx_server import repository
from cronnx_server.add_model import configs
from cronnx_server.add_model.__main__ import _parser, options_of
from cronnx_server.add_model.served_model import read_model
from cronnx_server.build_models.catalogue import Model, catalogue
from cronnx_server.exports.source import read_source
from cronnx_server.graphs.image_model import image_model
from cronnx_server.model_spec import ModelSpec, Recipe, Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.unit.cronnx_server.add_model import graphs
from tests.unit.cronnx_server.exports import planted_detectors
from tests.unit.cronnx_server.exports.planted import Export

CLASSIFIERS = {name: model for name, model in catalogue().items() if model.task == Task.CLASSIFICATION}

every_model = pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS)


def by_hand(folder: Path) -> str:
    """A configuration without the comment at its top."""
    lines = (folder / "config.pbtxt").read_text().splitlines(keepends=True)
    return "".join(lines[1:] if lines[0].startswith("#") else lines)


def delay_ms(model: Model) -> float:
    return model.max_queue_delay_microseconds / 1000


def network(model: Model) -> tuple[Signature, ModelSpec]:
    """The signature of a model of the catalogue, without its weights, and its specification."""
    spec = model.spec(image="image", outputs=("answer",))
    made = image_model(
        graphs.classifier(size=model.height, classes=1000, batch="batch"), spec, served_by="toy/1@0123abcd"
    )
    return Signature.of(onnxruntime.InferenceSession(made.SerializeToString())), spec


@every_model
def test_a_networks_config_is_the_one_written_by_hand(model: Model) -> None:
    signature, spec = network(model)
    made = configs.network_config(
        signature, spec, max_batch_size=model.max_batch_size, max_queue_delay_ms=delay_ms(model)
    )
    assert made == by_hand(MODEL_REPOSITORY / f"{model.name}_onnx")


@every_model
def test_an_ensembles_config_is_the_one_written_by_hand(model: Model) -> None:
    made = configs.ensemble_config(
        model.name,
        task=Task.CLASSIFICATION,
        preprocess=f"preprocess_{model.height}",
        network=repository.as_json(repository.read_config(MODEL_REPOSITORY / f"{model.name}_onnx")),
        max_batch_size=model.max_batch_size,
    )
    assert made == by_hand(ENSEMBLES / model.name)


@every_model
def test_a_preprocess_config_is_the_one_written_by_hand(model: Model) -> None:
    name = f"preprocess_{model.height}"
    comment, _, made = configs.preprocess_config(model.recipe, geometry=False, name=name).partition("\n")
    assert comment.startswith("# ")
    assert made == by_hand(MODEL_REPOSITORY / name)


def of_task(export: Export, tmp_path: Path) -> tuple[ModelConfig, dict[str, ModelConfig]]:
    """The configuration of an exported model, and its profiles."""
    facts = options_of(_parser().parse_args([str(export.write(tmp_path)), "--name=mine", *export.options])).stated()
    served = read_model(read_source(tmp_path), facts)
    signature = Signature.of(onnxruntime.InferenceSession(served.content(name="mine", version=1)))
    text = configs.network_config(signature, served.spec, max_batch_size=8, max_queue_delay_ms=None)
    profiles = configs.profiles(text, served.spec.task)
    return text_format.Parse(text, ModelConfig()), {
        Path(path).stem: text_format.Parse(profile, ModelConfig()) for path, profile in profiles.items()
    }


def test_a_detector_is_warmed_up_with_a_place_in_the_photograph(tmp_path: Path) -> None:
    config, _ = of_task(planted_detectors.ultralytics(), tmp_path)
    one, _ = config.model_warmup
    assert list(one.inputs["pixels"].dims) == [640, 640, 3]
    assert one.inputs["geometry"].input_data_file == configs.GEOMETRY_FILE


def test_a_cpu_is_warmed_up_with_two_requests_together_and_a_gpu_with_the_largest_batch(tmp_path: Path) -> None:
    config, profiles = of_task(planted_detectors.ultralytics(), tmp_path)
    assert [sample.batch_size for sample in config.model_warmup] == [1, 2]
    for profile in profiles.values():
        assert [sample.batch_size for sample in profile.model_warmup] == [1, 8]


def test_tensorrt_does_not_get_the_suppression_of_a_detector(tmp_path: Path) -> None:
    _, profiles = of_task(planted_detectors.ultralytics(), tmp_path)
    for profile in profiles.values():
        assert not profile.optimization.execution_accelerators.gpu_execution_accelerator


def test_a_profile_serves_the_next_version_too() -> None:
    text = "version_policy: { specific { versions: [ 1 ] } }"
    both = configs.serve_on_gpus(text, 2)
    assert both == "version_policy: { specific { versions: [ 1, 2 ] } }"
    assert configs.serve_on_gpus(both, 3) == "version_policy: { specific { versions: [ 1, 2, 3 ] } }"


def test_images_of_any_size_are_warmed_up_with_one_size(tmp_path: Path) -> None:
    config, _ = of_task(planted_detectors.detr(), tmp_path)
    assert list(config.input[0].dims) == [-1, -1, 3]
    assert all(min(sample.inputs["pixels"].dims) > 0 for sample in config.model_warmup)


def test_a_config_without_batches_has_no_scheduling() -> None:
    tensors = [{"name": 'qu"o\\te', "data_type": "TYPE_FP32", "dims": [2, -1]}]
    text = configs.onnx_config({"max_batch_size": 0, "input": tensors, "output": tensors}, max_queue_delay_ms=5)
    made = text_format.Parse(text, ModelConfig())
    assert not made.HasField("dynamic_batching")
    assert made.input[0].name == 'qu"o\\te'
    assert list(made.input[0].dims) == [2, -1]


def test_a_scalar_of_a_batch_has_a_reshape() -> None:
    scalars = [{"name": "x", "data_type": "TYPE_FP32", "dims": [1], "reshape": {"shape": []}}]
    text = configs.onnx_config({"max_batch_size": 4, "input": scalars, "output": scalars}, max_queue_delay_ms=None)
    made = text_format.Parse(text, ModelConfig())
    assert made.input[0].HasField("reshape")
    assert made.HasField("dynamic_batching")


def test_the_warm_up_file_that_a_preprocess_config_names_is_there() -> None:
    made = text_format.Parse(configs.preprocess_config(Recipe(height=96, width=96), geometry=True), ModelConfig())
    named = {each.inputs["image"].input_data_file for each in made.model_warmup}
    kept = MODEL_REPOSITORY / "preprocess_224" / "warmup"
    assert named == {path.name for path in kept.iterdir()}
    assert repository.read_config(kept.parent).model_warmup == made.model_warmup
