"""`scripts/add_model` with a real server, in a copy of the project without models."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from cronnx import Client
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses
from tests.server.triton import running
from tests.unit.cronnx_server.add_model import graphs
from tests.unit.cronnx_server.exports import planted_detectors

README_COMMAND = re.search(r"^scripts/add_model (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
BACKENDS = ("onnxruntime_backend", "preprocess_backend", "router_backend")
EXPLICIT = "--model-control-mode=explicit"
UNLABELLED = ("--labels", "numbers")


def copied(folder: Path) -> Path:
    """Copy the scripts and backends of the project, and one preprocess model."""
    for name in ("scripts", "client", "lab", "server", "requirements", *BACKENDS):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "model_repository" / "preprocess_224", folder / "model_repository" / "preprocess_224")
    (folder / "ensembles").mkdir()
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Addresses]:
    with running([project / "model_repository", project / "ensembles"], EXPLICIT) as addresses:
        yield addresses


def add_model(
    project: Path, model: ModelProto | Path, addresses: Addresses, *arguments: str
) -> subprocess.CompletedProcess[str]:
    source = model if isinstance(model, Path) else graphs.saved(model, project, "plants.onnx")
    command = [sys.executable, "scripts/add_model", str(source), *arguments, f"--url={addresses.http}"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def test_a_classifier_is_served_by_a_server_that_runs(project: Path, server: Addresses) -> None:
    (project / "plants.txt").write_text("\n".join(f"plant {number}" for number in range(7)))
    model = graphs.classifier(batch=1, flat=[1, 8])
    done = add_model(project, model, server, "--name", "plants", "--labels", "plants.txt")
    assert done.returncode == 0, done.stderr
    *_, in_process, _, served, curl = done.stdout.strip().split("\n\n")
    assert in_process.splitlines()[1:] == served.splitlines()[1:]
    assert "plant " in served
    answer = subprocess.run(["bash", "-euc", curl], cwd=project, capture_output=True, text=True, check=True).stdout
    assert '"served_by":"plants/1@' in answer


def test_a_next_version_is_loaded_and_the_first_goes_on_answering(project: Path, server: Addresses) -> None:
    for scale, labels in ((1, UNLABELLED), (2, ())):
        done = add_model(project, graphs.classifier(scale=scale), server, "--name", "versions", *labels)
        assert done.returncode == 0, done.stderr
    assert "coffee.jpg by versions/2@" in done.stdout
    with Client(server.grpc) as client:
        assert client.is_ready("versions_onnx", model_version="2")
        assert (
            client.classify(project / "scripts/pictures/coffee.jpg", model_name="versions").served_by[:11]
            == "versions/1@"
        )


def test_a_classifier_of_two_classes_is_served(project: Path, server: Addresses) -> None:
    done = add_model(
        project, graphs.classifier(classes=2, last="Softmax", layout="NHWC"), server, "--name", "two", *UNLABELLED
    )
    assert done.returncode == 0, done.stderr
    with Client(server.http) as client:
        top = client.classify(project / "scripts/pictures/coffee.jpg", model_name="two").top
    assert sorted(each.class_id for each in top) == [0, 1]
    assert sum(each.score for each in top) == pytest.approx(1)


def test_the_readmes_command_makes_a_server_that_runs_serve_a_detector_and_its_next_version(
    project: Path, server: Addresses
) -> None:
    assert README_COMMAND
    file, *arguments = README_COMMAND[1].split()
    export = planted_detectors.ultralytics().write(project / "detector")
    done = add_model(project, export, server, *arguments)
    assert (done.returncode, file) == (0, "yolo11n.onnx"), done.stderr
    *_, served, curl = done.stdout.strip().split("\n\n")
    assert "90.0%  cup  100, 50, 300, 200" in served
    answer = json.loads(subprocess.run(["bash", "-euc", curl], cwd=project, capture_output=True, check=True).stdout)
    assert answer["num_detections"] == 2
    np.testing.assert_allclose(answer["box"][:4], [100, 50, 300, 200], atol=0.01)

    done = add_model(project, export, server, "--name", "detector", "--confidence", "0.7")
    assert done.returncode == 0, done.stderr
    photograph = project / "scripts/pictures/coffee.jpg"
    with Client(server.http) as client:
        assert len(client.detect(photograph, model_name="detector")) == 2
        client.promote("detector", "2")
        promoted = client.detect(photograph, model_name="detector")
        assert [(found.label, promoted.served_by[:11]) for found in promoted] == [("cup", "detector/2@")]
        client.rollback("detector")
        assert len(client.detect(photograph, model_name="detector")) == 2
        batch = np.array([[photograph.read_bytes()]] * 3, dtype=object)
        assert client.infer("detector", {"image": batch})["num_detections"].tolist() == [[2]] * 3


def test_images_of_any_size_are_answered_and_promoted(project: Path, server: Addresses) -> None:
    export = planted_detectors.ultralytics_dynamic().write(project / "dynamic")
    for _ in range(2):
        done = add_model(project, export, server, "--name", "dynamic")
        assert done.returncode == 0, done.stderr
    with Client(server.http) as client:
        client.promote("dynamic", "2")
        answer = client.detect(project / "scripts/pictures/coffee.jpg", model_name="dynamic")
    assert [found.label for found in answer] == ["cup", "table"]


def test_a_raw_graph_is_served_as_it_is(project: Path, server: Addresses) -> None:
    done = add_model(project, graphs.sum_of_two(["N", 3]), server, "--name", "sum", "--raw")
    assert done.returncode == 0, done.stderr
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    with Client(server.grpc) as client:
        answer = client.infer("sum_onnx", {"left": numbers, "right": numbers})
    np.testing.assert_array_equal(answer["sum"], 2 * numbers)


def models(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.glob("*/*/config.pbtxt")}


def test_what_a_server_fails_to_load_is_taken_back(project: Path, tmp_path: Path) -> None:
    """Triton refuses a model that is in two repositories."""
    (tmp_path / "again_onnx" / "1").mkdir(parents=True)
    (tmp_path / "again_onnx" / "config.pbtxt").write_text('backend: "onnxruntime"')
    repositories = [project / "model_repository", project / "ensembles", tmp_path]
    before = models(project)
    with running(repositories, EXPLICIT) as addresses:
        done = add_model(project, graphs.classifier(size=48), addresses, "--name", "again", *UNLABELLED)
    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"add_model: nothing is added, because {addresses.http} does not serve the model: "), line
    assert models(project) == before


def test_what_a_server_of_other_repositories_does_not_know_stays(project: Path, tmp_path: Path) -> None:
    with running([tmp_path], EXPLICIT) as addresses:
        done = add_model(project, graphs.classifier(), addresses, "--name", "elsewhere", *UNLABELLED)
    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"add_model: the model is added, but {addresses.http} serves other repositories; ")
    assert "ensembles/elsewhere/config.pbtxt" in models(project)


def test_a_server_that_loads_nothing_on_request_says_so(tmp_path: Path) -> None:
    project = copied(tmp_path)
    before = models(project)
    with running([project / "model_repository"]) as addresses:
        done = add_model(project, graphs.sum_of_two(), addresses, "--name", "sum", "--raw")
    assert done.returncode == 1
    assert "nothing is added, because " in done.stderr
    assert "explicit model load / unload is not allowed" in done.stderr
    assert models(project) == before
