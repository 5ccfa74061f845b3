"""The values and the `helm` commands of docs/kubernetes.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from cronnx_server.paths import ROOT
from tests.contract.helm import CHART, RELEASE, helm, rendered
from tests.contract.manifest_schemas import VERSIONS, problem

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
VALUES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
    if re.match(r"helm (install|upgrade) \w+ deploy/helm ", line)
]


@pytest.fixture
def values(tmp_path: Path) -> Path:
    """The first values of the page, as the file that its commands name."""
    path = tmp_path / "values.yaml"
    path.write_text(VALUES[0])
    return path


@pytest.mark.parametrize("text", VALUES, ids=lambda text: text.partition(":")[0])
def test_values_make_manifests_that_are_valid_and_other_than_the_defaults(text: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    gpu = [f"--values={CHART / 'values-gpu.yaml'}"] if "profile" in yaml.safe_load(text) else []
    manifests = rendered(*gpu, f"--values={path}")
    assert [found for each in manifests if (found := problem(each, version=VERSIONS[-1]))] == []
    assert manifests != rendered(*gpu)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_installs_what_it_says(command: list[str], values: Path) -> None:
    _, _, release, _, *options = command
    named = {"values.yaml": str(values), "deploy/helm/values-gpu.yaml": str(CHART / "values-gpu.yaml")}
    options = [named.get(option, option) for option in options]
    done = helm("template", release, str(CHART), *options)
    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert {each["metadata"]["namespace"] for each in manifests} == {RELEASE}
    assert release in {each["metadata"]["name"] for each in manifests if each["kind"] == "Deployment"}


def test_the_page_has_commands_and_values() -> None:
    assert len(COMMANDS) >= 4
    assert len(VALUES) >= 5
