from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cronnx_server import environment
from cronnx_server.add_model.configs import serve_on_gpus
from cronnx_server.build_models.catalogue import GPU_FILE, Model
from cronnx_server.build_models.missing_models import Prepared, build_missing, prepare
from cronnx_server.errors import BuildError, RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.unit.cronnx_server.build_models.mirror_server import Mirror


@dataclass(frozen=True)
class Project:
    """A copy of the repositories with the models of the ONNX model zoo, made of twins and not built."""

    models: dict[str, Model]
    model_repository: Path
    ensembles: Path

    def build_missing(self, *names: str) -> list[str]:
        return build_missing(names or None, models=self.models, **self._folders())

    def prepare(self, *names: str, profile: str = "") -> Prepared:
        return prepare(names or None, models=self.models, profile=profile, **self._folders())

    def _folders(self) -> dict[str, Path]:
        weights = self.model_repository.parent / "weights"
        return {"model_repository": self.model_repository, "ensembles": self.ensembles, "weights": weights}

    def built(self, file: str = "model.onnx") -> list[str]:
        return sorted(f"{path.parts[-3]}/{path.parts[-2]}" for path in self.model_repository.glob(f"*/*/{file}"))


@pytest.fixture
def project(twins: dict[str, Model], tmp_path: Path) -> Project:
    for repository in (MODEL_REPOSITORY, ENSEMBLES):
        shutil.copytree(
            repository, tmp_path / repository.name, ignore=shutil.ignore_patterns("*.onnx", "efficient*", "document*")
        )
    return Project(twins, tmp_path / "model_repository", tmp_path / "ensembles")


ALL_BUILT = ["mobilenet_v2_onnx/1", "mobilenet_v2_onnx/2", "resnet50_onnx/1"]


def test_without_names_every_ensemble_is_built(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.build_missing() == ["mobilenet_v2", "resnet50"]
    assert project.built() == ALL_BUILT
    assert "skipping" not in capsys.readouterr().err


def test_versions_that_nothing_needs_are_left_for_later(project: Project) -> None:
    assert project.prepare() == Prepared(["mobilenet_v2", "resnet50"], {("mobilenet_v2", 2): ["mobilenet_v2_onnx"]})
    assert project.built() == ["mobilenet_v2_onnx/1", "resnet50_onnx/1"]


def test_a_version_that_an_ensemble_pins_is_not_left_for_later(project: Project) -> None:
    pin(project, 2)
    assert project.prepare().later == {}
    assert project.built() == ALL_BUILT


def test_ensembles_that_lack_something_are_left_for_later_if_another_lacks_nothing(
    project: Project, zoo: Mirror
) -> None:
    project.build_missing("resnet50")
    asked = len(zoo.asked)
    pin(project, 2)
    later = {("mobilenet_v2", 1): ["mobilenet_v2_onnx"], ("mobilenet_v2", 2): ["mobilenet_v2_onnx", "mobilenet_v2"]}
    assert project.prepare() == Prepared(["resnet50"], later)
    assert len(zoo.asked) == asked


def test_nothing_is_built_at_once_for_an_ensemble_whose_added_version_is_lost(project: Project, zoo: Mirror) -> None:
    project.build_missing("resnet50")
    asked = len(zoo.asked)
    shutil.copytree(project.ensembles / "mobilenet_v2", project.ensembles / "lost")
    config = project.ensembles / "lost" / "config.pbtxt"
    config.write_text(config.read_text().replace("model_version: 1", "model_version: 7"))
    later = {("mobilenet_v2", 1): ["mobilenet_v2_onnx", "mobilenet_v2"], ("mobilenet_v2", 2): ["mobilenet_v2_onnx"]}
    assert project.prepare() == Prepared(["resnet50"], later)
    assert len(zoo.asked) == asked


def test_a_router_that_is_left_for_later_is_loaded_after_the_models_that_it_calls(project: Project) -> None:
    add_router(project)
    project.build_missing("mobilenet_v2")
    loads = ["resnet50_onnx", "resnet50", "resnet50_onnx", "resnet50_ab"]
    assert project.prepare().later[("resnet50", 1)] == loads


def test_of_versions_whose_model_cannot_be_built_none_is_left_for_later(project: Project, zoo: Mirror) -> None:
    del zoo.files["mobilenetv2-7.onnx"]
    assert project.prepare() == Prepared(["resnet50"], {})


def test_a_start_without_a_profile_builds_nothing_for_gpus(project: Project) -> None:
    project.prepare()
    assert project.built(GPU_FILE) == []


def test_a_profile_for_gpus_asks_for_the_versions_and_files_that_it_serves(project: Project) -> None:
    assert project.prepare(profile="cuda").names == ["mobilenet_v2", "resnet50"]
    assert project.built() == project.built(GPU_FILE) == ["mobilenet_v2_onnx/1", "resnet50_onnx/1"]


def test_a_model_that_cannot_be_served_on_a_gpu_is_skipped_with_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.prepare("resnet50")
    model = project.model_repository / "resnet50_onnx" / "1" / "model.onnx"
    model.write_bytes(b"noise")
    assert project.prepare(profile="cuda").names == ["mobilenet_v2"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "skipping" in line)
    assert line.startswith("skipping resnet50: resnet50 version 1 cannot be served on a GPU: ")


def test_an_ensemble_of_a_version_that_a_profile_does_not_serve_says_where_to_add_it(project: Project) -> None:
    config = project.ensembles / "mobilenet_v2" / "config.pbtxt"
    config.write_text(config.read_text().replace("model_version: 1", "model_version: 2"))
    with pytest.raises(BuildError, match=r"calls version 2 of mobilenet_v2_onnx, which configs/cuda\.pbtxt does not"):
        project.prepare("mobilenet_v2", profile="cuda")
    profile = project.model_repository / "mobilenet_v2_onnx" / "configs" / "cuda.pbtxt"
    profile.write_text(serve_on_gpus(profile.read_text(), 2))
    assert project.prepare("mobilenet_v2", profile="cuda").names == ["mobilenet_v2"]
    assert project.built(GPU_FILE) == ["mobilenet_v2_onnx/1", "mobilenet_v2_onnx/2"]


def test_what_is_built_is_not_built_or_fetched_again(project: Project, zoo: Mirror) -> None:
    project.build_missing()
    asked = len(zoo.asked)
    shutil.rmtree(project.model_repository.parent / "weights")
    assert project.build_missing() == ["mobilenet_v2", "resnet50"]
    assert len(zoo.asked) == asked


def test_a_model_that_cannot_be_built_is_skipped_with_one_line(
    project: Project, zoo: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    del zoo.files["mobilenetv2-7.onnx"]
    assert project.build_missing() == ["resnet50"]
    assert project.built() == ["resnet50_onnx/1"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "skipping" in line)
    assert line.startswith("skipping mobilenet_v2: cannot download mobilenetv2-7.onnx (127.0.0.1:")


def test_a_version_that_cannot_be_built_is_skipped_and_its_model_served(
    project: Project, zoo: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    del zoo.files["mobilenetv2-12.onnx"]
    assert project.build_missing() == ["mobilenet_v2", "resnet50"]
    assert project.built() == ["mobilenet_v2_onnx/1", "resnet50_onnx/1"]
    assert not (project.model_repository / "mobilenet_v2_onnx" / "2").exists()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "skipping" in line)
    assert line.startswith("skipping version 2 of mobilenet_v2: cannot download mobilenetv2-12.onnx")


def test_an_ensemble_that_pins_a_version_that_cannot_be_built_is_skipped(project: Project, zoo: Mirror) -> None:
    del zoo.files["mobilenetv2-12.onnx"]
    pin(project, 2)
    assert project.build_missing() == ["resnet50"]


def test_a_named_model_that_cannot_be_built_is_an_error(project: Project, zoo: Mirror) -> None:
    del zoo.files["resnet50-v1-12.onnx"]
    with pytest.raises(BuildError, match=r"resnet50 cannot be served: cannot download resnet50-v1-12\.onnx"):
        project.build_missing("mobilenet_v2", "resnet50")


def test_a_start_without_any_model_is_an_error(project: Project, zoo: Mirror) -> None:
    zoo.files.clear()
    with pytest.raises(BuildError, match=r"mobilenet_v2 cannot be served: cannot download mobilenetv2-7\.onnx"):
        project.build_missing()


def test_a_model_that_answers_wrongly_is_skipped(project: Project) -> None:
    project.models["resnet50"] = replace(project.models["resnet50"], expected=())
    assert project.build_missing() == ["mobilenet_v2"]


def test_with_a_name_only_that_ensemble_is_built(project: Project) -> None:
    assert project.build_missing("resnet50") == ["resnet50"]
    assert project.built() == ["resnet50_onnx/1"]


def test_a_model_outside_the_catalogue_needs_no_build(project: Project) -> None:
    assert project.build_missing("preprocess_224") == ["preprocess_224"]
    assert project.built() == []


def test_an_added_model_without_its_file_is_skipped_with_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (project.ensembles / "resnet50" / "config.pbtxt").read_text()
    (project.ensembles / "plants").mkdir()
    (project.ensembles / "plants" / "config.pbtxt").write_text(config.replace("resnet50_onnx", "plants_onnx"))
    assert "plants" not in project.build_missing()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "skipping" in line)
    assert line.startswith("skipping plants: there is no ")
    assert "plants_onnx/1/model.onnx" in line


def test_an_unfinished_download_of_a_version_skips_its_model_with_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    download = project.model_repository / "mobilenet_v2_onnx" / "3" / "model.onnx.crdownload"
    download.parent.mkdir()
    download.touch()
    assert project.build_missing() == ["resnet50"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "skipping" in line)
    assert line.startswith(f"skipping mobilenet_v2: there is no {download.with_suffix('')}; ")
    download.rename(download.with_suffix(""))
    assert project.build_missing() == ["mobilenet_v2", "resnet50"]


def test_the_models_that_a_router_calls_are_built_and_loaded(project: Project) -> None:
    add_router(project)
    assert project.build_missing("resnet50_ab") == ["resnet50_ab", "resnet50_onnx"]
    assert project.built() == ["resnet50_onnx/1"]


def test_a_model_that_an_ensemble_loads_is_not_named_again_for_a_router(project: Project) -> None:
    add_router(project)
    assert project.build_missing() == ["mobilenet_v2", "resnet50", "resnet50_ab"]


def test_a_router_whose_first_versions_cannot_be_built_is_skipped(project: Project, zoo: Mirror) -> None:
    add_router(project)
    del zoo.files["resnet50-v1-12.onnx"]
    assert project.build_missing() == ["mobilenet_v2"]


def pin(project: Project, version: int) -> None:
    config = project.ensembles / "mobilenet_v2" / "config.pbtxt"
    config.write_text(config.read_text().replace("model_version: 1", f"model_version: {version}"))


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


def test_an_unknown_name_is_refused_with_the_known_ones(project: Project) -> None:
    with pytest.raises(RepositoryError, match=r"there is no model 'lite9'; choose one of .*mobilenet_v2, resnet50"):
        project.build_missing("lite9")


def test_the_ensembles_of_packaged_weights_are_built() -> None:
    names = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    with environment.setup_lock():
        assert build_missing(names) == names
