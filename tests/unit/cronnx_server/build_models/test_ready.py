from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cronnx_server import environment
from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.ready import ready
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.unit.cronnx_server.build_models.mirror_server import Mirror


@dataclass(frozen=True)
class Project:
    """A copy of the repositories that has the zoo's models alone, made of twins, and none of them built."""

    models: dict[str, Model]
    model_repository: Path
    ensembles: Path

    def ready(self, *names: str) -> list[str]:
        return ready(
            names or None,
            models=self.models,
            model_repository=self.model_repository,
            ensembles=self.ensembles,
            weights=self.model_repository.parent / "weights",
        )

    def built(self) -> list[str]:
        return sorted(f"{path.parts[-3]}/{path.parts[-2]}" for path in self.model_repository.glob("*/*/model.onnx"))


@pytest.fixture
def project(twins: dict[str, Model], tmp_path: Path) -> Project:
    for repository in (MODEL_REPOSITORY, ENSEMBLES):
        shutil.copytree(repository, tmp_path / repository.name, ignore=shutil.ignore_patterns("*.onnx", "efficient*"))
    return Project(twins, tmp_path / "model_repository", tmp_path / "ensembles")


ALL_BUILT = ["mobilenet_v2_onnx/1", "mobilenet_v2_onnx/2", "resnet50_onnx/1"]


def test_every_ensemble_is_ready_where_none_is_named(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.ready() == ["mobilenet_v2", "resnet50"]
    assert project.built() == ALL_BUILT
    assert "left out" not in capsys.readouterr().err


def test_what_is_built_is_not_built_or_fetched_again(project: Project, zoo: Mirror) -> None:
    project.ready()
    asked = len(zoo.asked)
    shutil.rmtree(project.model_repository.parent / "weights")
    assert project.ready() == ["mobilenet_v2", "resnet50"]
    assert len(zoo.asked) == asked


def test_a_model_that_cannot_be_had_is_left_out_in_one_line(
    project: Project, zoo: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    del zoo.files["mobilenetv2-7.onnx"]
    assert project.ready() == ["resnet50"]
    assert project.built() == ["resnet50_onnx/1"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "left out" in line)
    assert line.startswith("mobilenet_v2 is left out: mobilenetv2-7.onnx cannot be fetched (127.0.0.1:")


def test_a_version_that_cannot_be_had_is_left_out_and_its_model_served(
    project: Project, zoo: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    del zoo.files["mobilenetv2-12.onnx"]
    assert project.ready() == ["mobilenet_v2", "resnet50"]
    assert project.built() == ["mobilenet_v2_onnx/1", "resnet50_onnx/1"]
    assert not (project.model_repository / "mobilenet_v2_onnx" / "2").exists()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "left out" in line)
    assert line.startswith("version 2 of mobilenet_v2 is left out: mobilenetv2-12.onnx cannot be fetched")


def test_an_ensemble_that_pins_a_version_that_cannot_be_had_is_left_out(project: Project, zoo: Mirror) -> None:
    del zoo.files["mobilenetv2-12.onnx"]
    config = project.ensembles / "mobilenet_v2" / "config.pbtxt"
    config.write_text(config.read_text().replace("model_version: 1", "model_version: 2"))
    assert project.ready() == ["resnet50"]


def test_a_named_model_that_cannot_be_had_is_an_error(project: Project, zoo: Mirror) -> None:
    del zoo.files["resnet50-v1-12.onnx"]
    with pytest.raises(SetupError, match=r"resnet50 cannot be served: resnet50-v1-12\.onnx cannot be fetched"):
        project.ready("mobilenet_v2", "resnet50")


def test_where_nothing_can_be_had_it_is_an_error(project: Project, zoo: Mirror) -> None:
    zoo.files.clear()
    with pytest.raises(SetupError, match=r"mobilenet_v2 cannot be served: mobilenetv2-7\.onnx cannot be fetched"):
        project.ready()


def test_a_build_that_answers_wrongly_leaves_its_model_out(project: Project) -> None:
    project.models["resnet50"] = replace(project.models["resnet50"], expected=())
    assert project.ready() == ["mobilenet_v2"]


def test_an_ensemble_that_is_named_is_ready_alone(project: Project) -> None:
    assert project.ready("resnet50") == ["resnet50"]
    assert project.built() == ["resnet50_onnx/1"]


def test_a_model_that_no_build_makes_is_ready_as_it_is(project: Project) -> None:
    assert project.ready("preprocess_224") == ["preprocess_224"]
    assert project.built() == []


def test_an_added_model_whose_file_stayed_elsewhere_is_left_out_in_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (project.ensembles / "resnet50" / "config.pbtxt").read_text()
    (project.ensembles / "plants").mkdir()
    (project.ensembles / "plants" / "config.pbtxt").write_text(config.replace("resnet50_onnx", "plants_onnx"))
    assert "plants" not in project.ready()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "left out" in line)
    assert line.startswith("plants is left out: there is no ")
    assert "plants_onnx/1/model.onnx" in line


def test_what_a_router_calls_is_built_and_named_too(project: Project) -> None:
    add_router(project)
    assert project.ready("resnet50_ab") == ["resnet50_ab", "resnet50_onnx"]
    assert project.built() == ["resnet50_onnx/1"]


def test_what_an_ensemble_loads_anyway_is_not_named_for_a_router(project: Project) -> None:
    add_router(project)
    assert project.ready() == ["mobilenet_v2", "resnet50", "resnet50_ab"]


def test_a_router_whose_first_versions_cannot_be_had_is_left_out(project: Project, zoo: Mirror) -> None:
    add_router(project)
    del zoo.files["resnet50-v1-12.onnx"]
    assert project.ready() == ["mobilenet_v2"]


def add_router(project: Project) -> None:
    """An ensemble whose only step is a router."""
    arms = 'parameters { key: "arms" value { string_value: "resnet50_onnx/1=1" } }'
    step = 'ensemble_scheduling { step [ { model_name: "resnet50_router" } ] }'
    for folder, config in (
        (project.model_repository / "resnet50_router", f'backend: "router" {arms}'),
        (project.ensembles / "resnet50_ab", f'platform: "ensemble" {step}'),
    ):
        folder.mkdir()
        (folder / "config.pbtxt").write_text(config)


def test_an_unknown_name_is_answered_with_the_known_ones(project: Project) -> None:
    with pytest.raises(SetupError, match=r"there is no model 'lite9'; there are .*mobilenet_v2, resnet50"):
        project.ready("lite9")


def test_this_projects_own_ensembles_of_packaged_weights_are_ready() -> None:
    names = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    with environment.setup_lock():
        assert ready(names) == names
