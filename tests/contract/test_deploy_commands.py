"""The shell commands of the manifests and of docs/kubernetes.md, executed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cronnx_server.paths import ROOT
from tests.contract.kustomize import Manifest, rendered
from tests.contract.manifest_schemas import VERSIONS, problem

KUBERNETES = ROOT / "deploy" / "kubernetes"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files that the Job finds at /models."""
    for path in ("models/model_repository/a_onnx/1/model.onnx", "models/ensembles/a/config.pbtxt"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "volume").mkdir()
    return tmp_path


def copy_models(root: Path) -> None:
    (job,) = (each for each in rendered(KUBERNETES / "overlays" / "cpu") if each["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    here = re.sub(r"(?<= )\"?/(models|volume)", rf"{root}/\1", script)
    subprocess.run([*container["command"], here], check=True)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_job_fills_an_empty_volume_with_the_images_models(image: Path) -> None:
    copy_models(image)
    assert files(image / "volume") == files(image / "models")


def test_a_job_that_was_cut_off_begins_anew(image: Path) -> None:
    for left in ("partial/model_repository/cut", "model_repository/cut"):
        (image / "volume" / left).mkdir(parents=True)
    copy_models(image)
    assert files(image / "volume") == files(image / "models")
    assert not (image / "volume" / "model_repository" / "cut").exists()


def test_a_volume_that_is_full_stays_as_it_is(image: Path) -> None:
    copy_models(image)
    before = files(image / "volume")
    (image / "models" / "model_repository" / "a_onnx" / "1" / "model.onnx").write_text("other")
    copy_models(image)
    assert files(image / "volume") == before


def test_servers_wait_for_what_the_job_moves_last() -> None:
    manifests = {each["kind"]: each for each in rendered(KUBERNETES / "overlays" / "cpu")}
    (script,) = manifests["Job"]["spec"]["template"]["spec"]["containers"][0]["args"]
    (waiting,) = manifests["Deployment"]["spec"]["template"]["spec"]["initContainers"]
    last = script.strip().splitlines()[-1]
    assert last == "mv /volume/partial/ensembles /volume/"
    assert "-d /models/ensembles" in waiting["command"][-1]


def applied(tmp_path: Path) -> list[Manifest]:
    """Return the resources that the documentation's command passes to kubectl."""
    (command,) = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "kubernetes.md").read_text(), re.DOTALL)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho ---\ncat\n")
    kubectl.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    done = subprocess.run(["bash", "-ec", command], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def test_the_rules_become_resources_of_the_prometheus_operator_as_they_are(tmp_path: Path) -> None:
    resources = applied(tmp_path)
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    assert {each["metadata"]["name"] for each in resources} == {f"triton-{path.stem}" for path in files}
    assert [found for each in resources if (found := problem(each, version=VERSIONS[0]))] == []
    groups = [group for each in resources for group in each["spec"]["groups"]]
    expected = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    assert sorted(groups, key=lambda group: group["name"]) == sorted(expected, key=lambda group: group["name"])
