from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from cronnx_server.build_models.build import CAT, PAGE, build
from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.errors import BuildError
from cronnx_server.files import write_whole
from cronnx_server.paths import MODEL_REPOSITORY, ROOT
from tests.unit.cronnx_server.build_models.mirror_server import Mirror
from tests.unit.cronnx_server.build_models.twin_models import on_the_web
from tests.unit.cronnx_server.build_models.zoo_twins import mobilenetv2_7


@pytest.fixture(scope="module")
def command() -> subprocess.CompletedProcess[str]:
    """`scripts/build_models efficientnet_lite0`: the one build of a quantised model, which takes half a minute."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "build_models"), "efficientnet_lite0"], capture_output=True, text=True
    )


def test_the_files_of_a_built_model_are_printed(command: subprocess.CompletedProcess[str]) -> None:
    assert command.returncode == 0, command.stderr
    files = [f"model_repository/efficientnet_lite0_onnx/{version}/model.onnx" for version in (1, 2)]
    assert command.stdout.splitlines() == files


# Starting a server builds and checks every other version.
@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("version", [1, 2])
def test_a_packaged_model_recognises_a_cat(model: Model, version: int) -> None:
    answer = InProcessModel(model.path(MODEL_REPOSITORY, version)).answer([CAT.read_bytes()])
    assert answer["class_id"][0, 0] in (281, 282, 285)
    assert answer["score"][0, 0] > 0.3
    assert answer["served_by"].tolist() == [[model.served_by(version)]]


@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_a_larger_variant_is_built(packaged: dict[str, Model], name: str, tmp_path: Path) -> None:
    path = build(packaged[name], repository=tmp_path)
    assert path == tmp_path / f"{name}_onnx" / "1" / "model.onnx"


def test_the_detector_finds_the_parts_of_a_page_alone_and_beside_a_photograph(
    packaged: dict[str, Model], tmp_path: Path
) -> None:
    model = InProcessModel(build(packaged["document_layout"], repository=tmp_path))
    alone, together = model.answer([PAGE.read_bytes()]), model.answer([CAT.read_bytes(), PAGE.read_bytes()])
    assert {"text", "title", "figure"} <= {*alone["label"][0]}
    assert alone["num_detections"][0] == together["num_detections"][1]
    np.testing.assert_allclose(together["box"][1], alone["box"][0], atol=0.5)


def test_a_page_without_an_expected_part_is_refused(packaged: dict[str, Model], tmp_path: Path) -> None:
    model = dataclasses.replace(packaged["document_layout"], expected=(0, 9))
    with pytest.raises(BuildError, match=r"expected all of the classes \(0, 9\) for page\.jpg, got \["):
        build(model, repository=tmp_path)


@pytest.mark.parametrize(("name", "version"), [("mobilenet_v2", 1), ("mobilenet_v2", 2), ("resnet50", 1)])
def test_a_network_of_the_zoo_is_fetched_built_and_answers_as_it_did(
    twins: dict[str, Model], name: str, version: int, tmp_path: Path
) -> None:
    model = twins[name]
    path = build(model, version, repository=tmp_path, weights=tmp_path / "weights")
    assert path == tmp_path / f"{name}_onnx" / str(version) / "model.onnx"
    answer = InProcessModel(path).answer([CAT.read_bytes()] * 3)
    assert answer["class_id"][:, 0].tolist() == [model.expected[version - 1]] * 3
    assert answer["served_by"].tolist() == [[f"{name}/{version}@{model.weights(version).sha256[:8]}"]] * 3


def test_a_file_that_is_not_a_network_is_refused_by_name(twins: dict[str, Model], zoo: Mirror, tmp_path: Path) -> None:
    zoo.files["resnet50-v1-12.onnx"] = b"<html>Sign in</html>"
    model = dataclasses.replace(twins["resnet50"], versions={1: on_the_web("resnet50-v1-12.onnx", zoo)})
    with pytest.raises(BuildError, match=r"cannot build it from resnet50-v1-12\.onnx: "):
        build(model, repository=tmp_path / "models", weights=tmp_path)
    assert not (tmp_path / "models").exists()


def test_a_network_that_runs_a_batch_together_is_refused(twins: dict[str, Model], zoo: Mirror, tmp_path: Path) -> None:
    """Its last reshape keeps the published batch of 1."""
    twin = mobilenetv2_7()
    (shape,) = (each for each in twin.graph.initializer if each.data_type == TensorProto.INT64)
    shape.CopyFrom(numpy_helper.from_array(np.array([1, -1]), shape.name))
    zoo.files["fixed.onnx"] = twin.SerializeToString()
    model = dataclasses.replace(twins["mobilenet_v2"], versions={1: on_the_web("fixed.onnx", zoo)})
    with pytest.raises(BuildError, match="mobilenet_v2: expected 2 answers for 2 images, got 1"):
        build(model, repository=tmp_path / "models", weights=tmp_path)


@pytest.mark.usefixtures("command")
def test_a_build_leaves_one_file_with_the_same_bytes_as_another_build(model: Model, tmp_path: Path) -> None:
    path = build(model, repository=tmp_path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == model.path(MODEL_REPOSITORY).read_bytes()


@pytest.mark.usefixtures("command")
def test_a_quantised_version_is_a_third_of_the_one_it_quantises(model: Model) -> None:
    plain, quantised = (model.path(MODEL_REPOSITORY, version).stat().st_size for version in (1, 2))
    assert quantised < plain / 3


def test_a_build_that_answers_wrongly_leaves_what_was_there(model: Model, tmp_path: Path) -> None:
    path = model.path(tmp_path)
    write_whole(path, b"the model before")
    with pytest.raises(BuildError, match=r"expected one of the classes \(967,\) for chelsea\.jpg, got 28\d"):
        build(dataclasses.replace(model, expected=(967,)), repository=tmp_path)
    assert path.read_bytes() == b"the model before"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("other", ["efficientnet_lite1", "efficientnet_lite2"])
def test_weights_of_another_variant_are_refused_by_name(packaged: dict[str, Model], other: str, tmp_path: Path) -> None:
    """lite1 and lite2 have the same parameters in other widths."""
    name = "efficientnet_lite2" if other == "efficientnet_lite1" else "efficientnet_lite1"
    version = dataclasses.replace(packaged[name].versions[1], weights=packaged[other].weights())
    model = dataclasses.replace(packaged[name], versions={1: version})
    file = Path(version.weights.file).name
    with pytest.raises(BuildError, match=f"cannot build it from {file}: .*another variant"):
        build(model, repository=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("command")
def test_a_built_model_loads_without_a_warning(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    onnxruntime.InferenceSession(str(model.path(MODEL_REPOSITORY)))
    assert "[W:onnxruntime" not in capfd.readouterr().err
