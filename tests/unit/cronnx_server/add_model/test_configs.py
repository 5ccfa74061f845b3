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
from cronnx_server.build_models.catalogue import Model, catalogue
from cronnx_server.graphs.image_model import image_model
from cronnx_server.model_spec import ModelSpec, Recipe, Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.unit.cronnx_server.add_model import graphs

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


def detector_config() -> ModelConfig:
    spec = graphs.detector_spec()
    made = image_model(graphs.detector(), spec, served_by="toy/1@0123abcd")
    signature = Signature.of(onnxruntime.InferenceSession(made.SerializeToString()))
    text = configs.network_config(signature, spec, max_batch_size=8, max_queue_delay_ms=None)
    return text_format.Parse(text, ModelConfig())


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
    made = text_format.Parse(configs.preprocess_config(Recipe(height=96, width=96), geometry=False), ModelConfig())
    named = {each.inputs["image"].input_data_file for each in made.model_warmup}
    kept = MODEL_REPOSITORY / "preprocess_224" / "warmup"
    assert named == {path.name for path in kept.iterdir()}
    assert repository.read_config(kept.parent).model_warmup == made.model_warmup
