"""The wheel, in an environment that has only what the wheel asks for. Nothing is downloaded: .venv has it all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import PathDistribution, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cronnx_server.paths import UV

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "client"
NOT_REACHABLE = 3
PROGRAM = """
from pathlib import Path

from cronnx import Client, CronnxError, Outcome, Retry


def labels(folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    with Client(["grpc://one", "http://two"], retry=Retry(attempts=1)) as client:
        answer = client.classify(folder / "cat.jpg")
        reveal_type(answer)
        reveal_type(client.detect([b"one", b"two"], model_name="yolo11n"))
        outcome: Outcome[Path, object]
        for outcome in client.predict_many(folder.glob("*.jpg")):
            error: CronnxError | None = outcome.error
            print(outcome.image.name, error)
        found[answer.label] = answer.score
    return found
"""


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    ended = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that uv builds from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=CLIENT)
    (source,) = folder.glob("*.tar.gz")
    build = (UV / "bin" / "uv", "build", "--offline", "--python", sys.executable, "--no-build-isolation")
    run(*build, "--wheel", source, "--out-dir", folder, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Path:
    """An environment with the wheel and, transitively, the packages that it requires without extras."""
    folder = wheel.parent / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    install = (UV / "bin" / "uv", "pip", "install", "--offline", "--python", folder / "bin" / "python")
    run(*install, "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (metadata,) = site.glob("cronnx-*.dist-info")
    link(map(Requirement, PathDistribution(metadata).requires or ()), site)
    return folder


def link(requirements: Iterable[Requirement], site: Path, extra: str = "") -> None:
    """Link the installed packages of requirements, and of theirs, into another environment."""
    for requirement in requirements:
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = distribution(requirement.name)
        assert requirement.specifier.contains(found.version, prereleases=True), requirement
        tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
        is_new = False
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(str(found.locate_file(top)))
                is_new = True
        for wanted in requirement.extras or {""}:
            if is_new or wanted:
                link(map(Requirement, found.requires or ()), site, wanted)


def test_the_wheel_has_every_file_of_the_package_and_the_licence(wheel: Path) -> None:
    listed = run("git", "ls-files", "cronnx", cwd=CLIENT / "src").splitlines()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (licence,) = (name for name in names if name.endswith("/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert {name for name in names if ".dist-info/" not in name} == {*listed}
    assert "cronnx/py.typed" in names
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_readme_says_what_each_extra_is_for(environment: Path) -> None:
    (metadata,) = environment.glob("lib/python*/site-packages/cronnx-*.dist-info")
    extras = PathDistribution(metadata).metadata.get_all("Provides-Extra")
    readme = (CLIENT / "README.md").read_text()
    assert extras
    assert [extra for extra in extras if not re.search(rf"^\| `{extra}` \|", readme, re.MULTILINE)] == []


def test_the_command_says_its_version(environment: Path) -> None:
    assert run(environment / "bin" / "cronnx", "--version", cwd=environment) == f"cronnx {version('cronnx')}\n"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_both_protocols_work_with_nothing_but_the_requirements(environment: Path, protocol: str) -> None:
    command = (environment / "bin" / "cronnx", "ping", "--url", f"{protocol}://127.0.0.1:1")
    told = run(*command, cwd=environment, status=NOT_REACHABLE)
    assert told.startswith(f"cronnx: cannot reach {protocol}://127.0.0.1:1: connection refused")


def test_a_users_program_is_checked_against_the_types_of_the_wheel(environment: Path) -> None:
    (environment / "program.py").write_text(PROGRAM)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "--no-pretty")
    printed = run(*mypy, "--python-executable", environment / "bin" / "python", "program.py", cwd=environment)
    assert 'Revealed type is "cronnx._classification.Classification"' in printed
    assert "list[cronnx._detection.Detections]" in printed
