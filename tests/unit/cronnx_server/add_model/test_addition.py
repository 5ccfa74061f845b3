"""From a file to folders in the repositories, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf.json_format import MessageToDict
from onnx import ModelProto, TensorProto

from cronnx_onnxruntime.signature import Signature
from cronnx_server import repository
from cronnx_server.add_model.placement import Repositories
from cronnx_server.graphs.image_model import read_spec
from cronnx_server.model_spec import ModelSpec
from cronnx_server.paths import PICTURES
from tests.unit.cronnx_server.add_model import graphs
from tests.unit.cronnx_server.add_model.additions import added, messages
from tests.unit.cronnx_server.add_model.in_process import outputs, preprocessed

COFFEE = (PICTURES / "coffee.jpg").read_bytes()
PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def content(repositories: Repositories, *, version: int = 1) -> bytes:
    return (repositories.models / "mine_onnx" / str(version) / "model.onnx").read_bytes()


def answer(repositories: Repositories, *, version: int = 1, times: int = 1) -> dict[str, Any]:
    model = content(repositories, version=version)
    return outputs(model, preprocessed(spec(repositories, version=version).recipe, COFFEE), times=times)


def spec(repositories: Repositories, *, version: int = 1) -> ModelSpec:
    found = read_spec(onnx.load_from_string(content(repositories, version=version)))
    assert found
    return found


def config(folder: Path) -> dict[str, Any]:
    return MessageToDict(
        repository.read_config(folder), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def probabilities(model: ModelProto, pixels: np.ndarray) -> np.ndarray:
    """The graph's own probabilities for pixels that are only scaled."""
    (logits,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": pixels})
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum()


VARIANTS = {
    "any batch": {},
    "a batch of one": {"batch": 1},
    "a batch of four": {"batch": 4},
    "flattened to a batch of one": {"batch": 1, "flat": [1, 8]},
    "flattened to a batch of four": {"batch": 4, "flat": [4, -1]},
    "channels last": {"layout": "NHWC"},
    "channels last, a batch of one": {"layout": "NHWC", "batch": 1},
    "any size": {"size": "side"},
    "probabilities": {"last": "Softmax"},
    "log probabilities": {"last": "LogSoftmax"},
    "few classes": {"classes": 2},
    "opset 7, IR version 3": {"opset": 7, "ir_version": 3},
    "opset 11": {"opset": 11, "ir_version": 6},
    "opset 21": {"opset": 21, "ir_version": 10},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_classifier_of_every_kind_answers_as_its_graph_alone(
    repositories: Repositories, variant: dict[str, Any]
) -> None:
    size = {"size": (32, 32)} if variant.get("size") == "side" else {}
    added(repositories, graphs.classifier(scale=0.1, **variant), **size, **PLAIN)
    pixels = preprocessed(spec(repositories).recipe, COFFEE).pixels
    alone = {**variant, "batch": 1, "last": None, "flat": None, "size": 32, "layout": "NCHW"}
    image = (pixels / 255).astype(np.float32).transpose(0, 3, 1, 2)
    expected = probabilities(graphs.classifier(scale=0.1, **{**alone, "opset": 17, "ir_version": 8}), image)[0]
    found = answer(repositories)
    ranked = np.argsort(-expected)[:5]
    assert found["class_id"][0].tolist() == ranked.tolist()
    np.testing.assert_allclose(found["score"][0], expected[ranked], rtol=1e-4)


def test_a_new_model_has_the_folders_and_files_of_one_made_by_hand(repositories: Repositories) -> None:
    printed = added(repositories, graphs.classifier())
    files = {str(path.relative_to(repositories.models.parent)) for path in repositories.models.parent.rglob("*")}
    assert {
        "model_repository/mine_onnx/config.pbtxt",
        "model_repository/mine_onnx/configs/cuda.pbtxt",
        "model_repository/mine_onnx/configs/tensorrt.pbtxt",
        "model_repository/mine_onnx/1/.gitkeep",
        "model_repository/mine_onnx/1/model.onnx",
        "model_repository/preprocess_32_shortest_edge/config.pbtxt",
        "model_repository/preprocess_32_shortest_edge/1/.gitkeep",
        "model_repository/preprocess_32_shortest_edge/warmup/coffee",
        "ensembles/mine/config.pbtxt",
        "ensembles/mine/1/.gitkeep",
    } <= files
    assert "staging" not in files
    assert "coffee.jpg by mine/1@" in printed
    assert "added model_repository/mine_onnx" in printed


def test_its_config_is_that_of_its_graph(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    folder = repositories.models / "mine_onnx"
    signature = Signature.of(onnxruntime.InferenceSession(str(folder / "1" / "model.onnx")))
    signature.check({**config(folder)})
    assert [tensor["name"] for tensor in config(folder)["output"]] == [tensor.name for tensor in signature.outputs]


def test_a_batch_has_the_answers_of_its_pictures(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(batch=1, flat=[1, 8]))
    alone, together = answer(repositories), answer(repositories, times=3)
    np.testing.assert_allclose(together["logits"], np.repeat(alone["logits"], 3, axis=0), rtol=1e-4)


def test_a_dry_run_says_what_would_be_added_and_writes_nothing(repositories: Repositories) -> None:
    printed = added(repositories, graphs.classifier(), dry_run=True)
    assert "would add model_repository/mine_onnx" in printed
    assert not any(repositories.models.iterdir())
    assert not any(repositories.ensembles.iterdir())


def test_the_report_has_every_fact_with_its_source(repositories: Repositories) -> None:
    facts, *_ = messages(repositories, graphs.classifier(), scale=1.0, **PLAIN)
    sources = {fact["fact"]: (fact["source"], fact["assumed"]) for fact in facts.value}
    assert facts.kind == "facts"
    assert sources["mean"] == ("--mean", False)
    assert sources["size"] == ("graph", False)
    assert sources["resize"][1]
    assert "--mean" in facts.text


def test_what_is_assumed_is_a_warning_that_names_the_option(repositories: Repositories) -> None:
    warnings = [message.text for message in messages(repositories, graphs.classifier()) if message.kind == "warnings"]
    assert any("--mean" in warning for warning in warnings)


def test_batching_is_as_asked(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(), max_batch_size=4, max_queue_delay_ms=2.5)
    for folder in (repositories.models / "mine_onnx", repositories.ensembles / "mine"):
        assert repository.read_config(folder).max_batch_size == 4
    found = repository.read_config(repositories.models / "mine_onnx")
    assert found.dynamic_batching.max_queue_delay_microseconds == 2500


def test_labels_are_the_files(repositories: Repositories, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join("abcdefg"))
    added(repositories, graphs.classifier(), labels=str(tmp_path / "labels.txt"))
    found = answer(repositories)
    assert found["label"][0].tolist() == ["abcdefg"[class_id] for class_id in found["class_id"][0]]


def test_without_labels_a_class_has_its_number(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    found = answer(repositories)
    assert found["label"][0].tolist() == [f"class {class_id}" for class_id in found["class_id"][0]]


def test_weights_in_a_file_beside_the_graph_are_taken_along(repositories: Repositories, tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    onnx.save(graphs.classifier(), path, save_as_external_data=True, location="large.data", size_threshold=0)
    added(repositories, path)
    (tmp_path / "large.data").unlink()
    assert answer(repositories)["label"].shape == (1, 5)


def test_the_file_of_a_name_that_is_there_is_its_next_version(repositories: Repositories, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join("abcdefg"))
    added(repositories, graphs.classifier(), labels=str(tmp_path / "labels.txt"), **PLAIN)
    before = (repositories.ensembles / "mine" / "config.pbtxt").read_text()
    printed = added(repositories, graphs.classifier(scale=2, last="Softmax"))
    assert "added mine_onnx/2" in printed
    assert "cronnx promote mine 2" in printed
    first, second = answer(repositories), answer(repositories, version=2)
    assert second["served_by"][0, 0].startswith("mine/2@")
    assert second["label"].tolist() == first["label"].tolist()
    assert (repositories.ensembles / "mine" / "config.pbtxt").read_text() == before
    added(repositories, graphs.classifier(scale=3))
    assert answer(repositories, version=3)["label"].tolist() == first["label"].tolist()


def test_a_version_that_the_catalogue_is_to_build_is_left_free(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(), name="mobilenet_v2")
    added(repositories, graphs.classifier(), name="mobilenet_v2")
    assert (repositories.models / "mobilenet_v2_onnx" / "3" / "model.onnx").exists()


def test_any_graph_is_served_as_it_is_where_that_is_asked(repositories: Repositories) -> None:
    file = graphs.saved(graphs.sum_of_two(["N", "width"]), repositories.models.parent)
    printed = added(repositories, file, raw=True)
    folder = repositories.models / "mine_onnx"
    assert (folder / "1" / "model.onnx").read_bytes() == file.read_bytes()
    assert not any(repositories.ensembles.iterdir())
    assert "added model_repository/mine_onnx" in printed
    found = repository.read_config(folder)
    assert found.max_batch_size == 16
    assert [(tensor.name, list(tensor.dims)) for tensor in found.input] == [("left", [-1]), ("right", [-1])]


def test_a_raw_graph_of_a_fixed_batch_takes_no_batches(repositories: Repositories) -> None:
    added(repositories, graphs.identity([2, 3], TensorProto.STRING), raw=True)
    found = repository.read_config(repositories.models / "mine_onnx")
    assert found.max_batch_size == 0
    assert list(found.input[0].dims) == [2, 3]
    assert not found.HasField("dynamic_batching")


def test_a_raw_graph_of_scalars_is_reshaped(repositories: Repositories) -> None:
    added(repositories, graphs.identity(["N"]), raw=True)
    found = repository.read_config(repositories.models / "mine_onnx")
    assert list(found.input[0].dims) == [1]
    assert found.input[0].HasField("reshape")


def test_a_raw_graph_of_the_same_signature_is_the_next_version(repositories: Repositories) -> None:
    added(repositories, graphs.identity(["N", 3]), raw=True)
    added(repositories, graphs.identity(["N", 3], operator="Neg"), raw=True)
    assert (repositories.models / "mine_onnx" / "2" / "model.onnx").exists()


def gpu_files(repositories: Repositories) -> dict[str, str]:
    """The datatype of the weights of each file for GPUs, by version."""
    found = {}
    for path in sorted(repositories.models.glob("mine_onnx/*/model_gpu.onnx")):
        types = {TensorProto.DataType.Name(tensor.data_type) for tensor in onnx.load(path).graph.initializer}
        found[path.parent.name] = "FLOAT16" if "FLOAT16" in types else "INT8"
    return found


def served_on_gpus(repositories: Repositories) -> list[list[int]]:
    folder = repositories.models / "mine_onnx"
    configs = [repository.read_config(folder, profile=profile) for profile in ("cuda", "tensorrt")]
    return [[*each.version_policy.specific.versions] for each in configs]


def test_with_gpu_the_file_for_gpus_is_in_fp16(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(scale=0.1), gpu=True)
    assert gpu_files(repositories) == {"1": "FLOAT16"}


def test_without_gpu_there_is_none(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    assert gpu_files(repositories) == {}


def test_the_profiles_serve_a_next_version_that_has_a_file_for_gpus(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(scale=0.1), gpu=True)
    added(repositories, graphs.classifier(scale=0.1))
    assert served_on_gpus(repositories) == [[1], [1]]
    added(repositories, graphs.classifier(scale=0.1), gpu=True)
    assert served_on_gpus(repositories) == [[1, 3], [1, 3]]
    assert gpu_files(repositories) == {"1": "FLOAT16", "3": "FLOAT16"}


def test_quantised_with_gpu_it_is_the_int8_of_tensorrt(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(scale=0.1), quantise=PICTURES, force=True, gpu=True)
    assert gpu_files(repositories) == {"1": "INT8"}
    file = onnx.load(repositories.models / "mine_onnx" / "1" / "model_gpu.onnx")
    assert "_int8_" in file.graph.name
