"""Models of other tasks than classification: their folders, their next versions, and INT8."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cronnx_server import repository
from cronnx_server.add_model.placement import Repositories
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.errors import CommandError
from cronnx_server.paths import PICTURES
from tests.unit.cronnx_server.add_model import graphs
from tests.unit.cronnx_server.add_model.additions import added, messages, refused
from tests.unit.cronnx_server.exports import planted_detectors, planted_others

COFFEE = (PICTURES / "coffee.jpg").read_bytes()


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    return planted_detectors.ultralytics().write(tmp_path / "detector")


def answer(repositories: Repositories, *, version: int = 1) -> dict[str, Any]:
    return InProcessModel(repositories.models / "mine_onnx" / str(version) / "model.onnx").answer([COFFEE])


def test_a_detector_has_its_task_and_its_answers_in_the_ensemble(repositories: Repositories, detector: Path) -> None:
    printed = added(repositories, detector, labels=None)
    ensemble = repository.read_config(repositories.ensembles / "mine")
    assert ensemble.parameters["task"].string_value == "detection"
    assert [output.name for output in ensemble.output] == [
        "num_detections",
        "box",
        "score",
        "class_id",
        "label",
        "served_by",
    ]
    first, second = ensemble.ensemble_scheduling.step
    assert first.output_map["geometry"] == second.input_map["geometry"]
    assert "90.0%  cup  100, 50, 300, 200" in printed


def test_models_of_one_recipe_share_a_preprocess_model(repositories: Repositories, detector: Path) -> None:
    added(repositories, detector, labels=None)
    printed = added(repositories, detector, labels=None, name="other")
    assert "preprocess" not in printed.split("added ", 1)[1]
    (shared,) = repositories.models.glob("preprocess_*")
    for name in ("mine", "other"):
        assert shared.name in repository.steps(repository.read_config(repositories.ensembles / name))


def test_models_of_other_recipes_have_preprocess_models_of_their_own(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    added(repositories, graphs.classifier(), name="other", resample="nearest")
    assert {path.name for path in repositories.models.glob("preprocess_*")} == {
        "preprocess_32_shortest_edge",
        "preprocess_32_shortest_edge_2",
    }


def test_a_classifier_leaves_the_place_in_the_photograph_to_models_that_share_its_pixels(
    repositories: Repositories,
) -> None:
    added(repositories, graphs.classifier())
    (shared,) = repositories.models.glob("preprocess_*")
    assert [output.name for output in repository.read_config(shared).output] == ["pixels", "geometry"]


def test_the_next_version_of_a_detector_keeps_its_limits(repositories: Repositories, detector: Path) -> None:
    added(repositories, detector, labels=None, confidence=0.7)
    facts, *_ = messages(repositories, detector)
    (confidence,) = (fact for fact in facts.value if fact["fact"] == "confidence")
    assert (confidence["value"], confidence["source"]) == (0.7, "version 1 of mine")
    assert answer(repositories, version=2)["num_detections"].tolist() == [[1]]


def test_the_next_version_of_a_detector_may_have_other_limits(repositories: Repositories, detector: Path) -> None:
    added(repositories, detector, labels=None, confidence=0.7)
    added(repositories, detector, confidence=0.2)
    assert answer(repositories, version=2)["num_detections"].tolist() == [[2]]


def test_a_version_of_another_task_is_refused(repositories: Repositories, detector: Path, tmp_path: Path) -> None:
    added(repositories, detector, labels=None)
    other = planted_others.vit().write(tmp_path / "classifier")
    assert "choose another --name" in refused(repositories, other)


def test_a_version_with_the_labels_in_another_order_is_a_warning(repositories: Repositories, tmp_path: Path) -> None:
    folder = tmp_path / "labelled"
    folder.mkdir()
    file = graphs.saved(graphs.classifier(), folder)
    for labels in ("abcdefg", "gfedcba"):
        (folder / "labels.txt").write_text("\n".join(labels))
        report = messages(repositories, file, labels=None)
    warnings = [message.text for message in report if message.kind == "warnings"]
    assert any("labels differ from those of version 1" in warning for warning in warnings)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in PICTURES.glob("*.jpg"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_int8_is_measured_on_the_photographs_that_calibrate_it(repositories: Repositories, photographs: Path) -> None:
    report = {message.kind: message for message in messages(repositories, graphs.classifier(), quantise=photographs)}
    assert report["int8"].value["share of equal first classes"] >= 0.9
    assert "INT8 against FP32 on 3 photographs" in report["int8"].text
    json.dumps(report["int8"].value)


def test_int8_that_changes_the_answers_is_refused_unless_forced(repositories: Repositories, photographs: Path) -> None:
    model = graphs.classifier(outlier=True)
    assert "INT8 changes the answers too much: share of equal" in refused(repositories, model, quantise=photographs)
    added(repositories, model, quantise=photographs, force=True)


def test_int8_without_photographs_is_refused(repositories: Repositories, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "expected a folder of photographs with --quantise, got none" in refused(
        repositories, graphs.classifier(), quantise=tmp_path / "empty"
    )


def test_a_file_that_is_no_photograph_stops_the_calibration(repositories: Repositories, photographs: Path) -> None:
    (photographs / "a.jpg").write_bytes(b"no photograph")
    with pytest.raises(CommandError, match=r"cannot read the photograph .*a\.jpg: .*; remove it"):
        added(repositories, graphs.classifier(), quantise=photographs)
