from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server import repository
from cronnx_server.errors import RepositoryError
from cronnx_server.model_spec import Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

ENSEMBLE = """
platform: "ensemble"
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "%s" data_type: TYPE_STRING dims: [ 5 ] } ]
ensemble_scheduling { step [ { model_name: "first" }, { model_name: "second" } ] }
"""


def add(folder: Path, config: str, **profiles: str) -> Path:
    """Make the folder of a model."""
    (folder / "configs").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config)
    for name, text in profiles.items():
        (folder / "configs" / f"{name}.pbtxt").write_text(text)
    return folder


def test_a_config_without_a_name_has_its_folders(tmp_path: Path) -> None:
    assert repository.read_config(add(tmp_path / "net", "max_batch_size: 3")).name == "net"
    assert repository.read_config(add(tmp_path / "other", 'name: "given"')).name == "given"


def test_each_reader_of_a_config_has_its_own(tmp_path: Path) -> None:
    folders = [add(tmp_path / name, "max_batch_size: 3") for name in ("a", "b")]
    first = repository.read_config(folders[0])
    first.max_batch_size = 4
    assert [(each.name, each.max_batch_size) for each in map(repository.read_config, folders)] == [("a", 3), ("b", 3)]


def test_a_profile_is_preferred_where_the_model_has_it(tmp_path: Path) -> None:
    folder = add(tmp_path / "net", "max_batch_size: 1", fast="max_batch_size: 2")
    assert repository.read_config(folder).max_batch_size == 1
    assert repository.read_config(folder, profile="fast").max_batch_size == 2
    assert repository.read_config(folder, profile="other").max_batch_size == 1


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("max_batch_size: 1\nmax_batch_sise: 2", r":2:1 : .*max_batch_sise"),
        ("max_batch_size: many", r":1:17 : .*many"),
        ('input [ { name: "a" data_type: TYPE_FLOAT } ]', r":1:\d+ : .*TYPE_FLOAT"),
        ("input [ {", r":1:\d+ : "),
    ],
    ids=["misspelt field", "no number", "no type", "cut short"],
)
def test_a_broken_config_is_named_with_its_line(tmp_path: Path, config: str, problem: str) -> None:
    folder = add(tmp_path / "net", config)
    with pytest.raises(RepositoryError, match=f"net/config.pbtxt{problem}"):
        repository.read_config(folder)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"cannot read .*net/config\.pbtxt"):
        repository.read_config(tmp_path / "net")


def test_a_config_that_is_no_text_is_named(tmp_path: Path) -> None:
    folder = add(tmp_path / "net", "")
    (folder / "config.pbtxt").write_bytes(b"\xff\xfe")
    with pytest.raises(RepositoryError, match=r"cannot read .*net/config\.pbtxt: 'utf-8'"):
        repository.read_config(folder)


def test_models_are_the_folders_with_a_config_by_name(tmp_path: Path) -> None:
    second, first = add(tmp_path / "second", ""), add(tmp_path / "first", "")
    (tmp_path / "no_model").mkdir()
    (tmp_path / "README.md").touch()
    assert list(repository.models(tmp_path).items()) == [("first", first), ("second", second)]


def test_steps_are_the_models_of_an_ensemble_in_order(tmp_path: Path) -> None:
    assert repository.steps(repository.read_config(add(tmp_path / "net", ENSEMBLE % "label"))) == ["first", "second"]
    assert repository.steps(repository.read_config(add(tmp_path / "alone", ""))) == []


def test_profiles_are_those_of_all_repositories_once_each(tmp_path: Path) -> None:
    add(tmp_path / "one" / "net", "", tensorrt="", fast="")
    add(tmp_path / "two" / "net", "", tensorrt="")
    assert repository.profiles([tmp_path / "one", tmp_path / "two"]) == ["fast", "tensorrt"]


def test_image_models_have_the_task_that_their_ensemble_says(tmp_path: Path) -> None:
    task = 'parameters { key: "task" value { string_value: "%s" } }'
    add(tmp_path / "boxes", ENSEMBLE % "label" + task % "detection")
    add(tmp_path / "future", ENSEMBLE % "label" + task % "telepathy")
    add(tmp_path / "untold", ENSEMBLE % "label")
    add(tmp_path / "other", ENSEMBLE % "box")
    found = repository.image_models(tmp_path, ["untold", "boxes", "future", "other"])
    assert found == {"untold": Task.CLASSIFICATION, "boxes": Task.DETECTION}


def test_a_model_that_is_no_ensemble_is_no_image_model() -> None:
    assert "preprocess_224" in repository.models(MODEL_REPOSITORY)
    assert [*repository.image_models(ENSEMBLES, ["preprocess_224", "efficientnet_lite0"])] == ["efficientnet_lite0"]


def test_a_repository_that_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=f"there is no model repository {tmp_path / 'none'}"):
        repository.check([tmp_path, tmp_path / "none"])


def test_a_profile_that_no_model_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"configs/fast\.pbtxt; there are no profiles"):
        repository.check([tmp_path], profile="fast")
    add(tmp_path / "net", "", tensorrt="")
    with pytest.raises(RepositoryError, match=r"configs/fast\.pbtxt; the profiles are tensorrt"):
        repository.check([tmp_path], profile="fast")
    repository.check([tmp_path], profile="tensorrt")


def test_what_a_router_calls_is_named_once(tmp_path: Path) -> None:
    arms = 'parameters { key: "arms" value { string_value: "a/1=90 a/2=10" } }'
    shadow = 'parameters { key: "shadow" value { string_value: "b/1" } }'
    folder = add(tmp_path / "router", f'backend: "router"\n{arms}\n{shadow}')
    assert repository.called(repository.read_config(folder)) == ["a", "b"]
    assert repository.called(repository.read_config(add(tmp_path / "net", 'backend: "onnxruntime"'))) == []


def test_folders_that_are_no_models_are_not_loaded(tmp_path: Path) -> None:
    for name in ("lost+found", ".ipynb_checkpoints", "__MACOSX", "configured", "completed/1", "notes/v1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "configured" / "config.pbtxt").touch()
    (tmp_path / "README.md").touch()
    assert repository.loadable([tmp_path]) == ["completed", "configured"]


@pytest.mark.parametrize("name", ["my model", "$(touch ran)", "mod\xe8le", "a;b"])
def test_a_model_whose_name_a_shell_would_mistake_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "1").mkdir(parents=True)
    with pytest.raises(RepositoryError, match=r"in the name of a model, got .*; rename its folder"):
        repository.loadable([tmp_path])
