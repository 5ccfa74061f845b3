"""The images, without Docker; tests/server/test_container_commands.py runs their commands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from cronnx_server.paths import ENSEMBLES, ROOT
from cronnx_server.serve.options import MODEL_CONTROL
from tests import containers

REQUIREMENTS = ROOT / "requirements"
IGNORED = (ROOT / ".dockerignore").read_text()
INSTRUCTIONS = containers.dockerfile()
STAGES = [each.stage for each in INSTRUCTIONS if each.name == "FROM"]
OPTIONAL = {"cvcuda", "nvidia"}  # of the lock gpu_decoding
OURS = ("cronnx_preprocess", "cronnx_router", "cronnx_onnxruntime", "triton_python_backend_utils")


def of(stage: str, name: str) -> list[str]:
    return [each.arguments for each in INSTRUCTIONS if (each.stage, each.name) == (stage, name)]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.prefix) / "bin" / "hadolint"
    ended = subprocess.run([hadolint, "--no-color", containers.DOCKERFILE], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_image_from_elsewhere_has_a_version_and_room_for_a_digest() -> None:
    bases = [each.arguments.partition(" AS ")[0] for each in INSTRUCTIONS if each.name == "FROM"]
    foreign = [base for base in bases if base not in STAGES and base != "runtime-${RUNTIME}"]
    assert len(foreign) == 2
    for base in foreign:
        assert re.fullmatch(r"[\w./]+:\S*\$\{(\w+)_VERSION\}\S*\$\{\1_DIGEST:\+@\$\{\1_DIGEST\}\}", base), base


def test_there_is_a_stage_for_each_runtime() -> None:
    assert {"runtime-cpu", "runtime-nvidia"} <= set(STAGES)
    assert "RUNTIME=cpu" in of("", "ARG")


def test_the_server_is_the_last_stage_and_not_run_by_root() -> None:
    assert STAGES[-1] == containers.SERVER_STAGE
    assert of("server", "USER") == of("tools", "USER") == ["1000:1000"]
    assert of("server", "STOPSIGNAL") == ["SIGTERM"]


def test_every_server_controls_its_models_as_scripts_serve_does() -> None:
    assert set(MODEL_CONTROL) <= set(containers.image_list("ENTRYPOINT"))


def test_the_stand_in_for_onnxruntime_is_in_the_cpus_image_alone() -> None:
    copies = [copy for copy in containers.copies() if copy.target.startswith("/opt/tritonserver/")]
    stages = {copy.stage for copy in copies if "onnxruntime_backend" in copy.sources}
    assert stages == {"runtime-cpu"}
    assert not any("onnxruntime" in line for line in of("runtime-nvidia", "RUN"))


@pytest.mark.parametrize("copy", containers.copies(), ids=str)
def test_what_is_copied_is_there_and_sent_to_the_engine(copy: containers.Copy) -> None:
    if copy.from_stage:
        assert copy.from_stage in STAGES[: STAGES.index(copy.stage)]
        return
    for source in copy.sources:
        assert (ROOT / source).exists()
        assert sent(source), f"{source} is left out by .dockerignore"


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        ("models", "cronnx_server.build_models.__main__"),
        ("tools", "cronnx_server.exporter.__main__"),
        ("tools", "cronnx_lab.loadtest.__main__"),
    ],
)
def test_a_stage_has_the_files_that_its_scripts_import(stage: str, module: str, tmp_path: Path) -> None:
    for each in ("project", stage):
        containers.place(each, tmp_path)
    assert (tmp_path / "scripts" / module.split(".")[1]).exists()
    program = f"import sys; sys.path[:0] = ['server/src', 'lab/src']; import {module} as found; print(found.__file__)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(str(tmp_path))


@pytest.mark.parametrize(
    "name", [".env", "key", ".git", ".venv", ".triton", "reports", "docs", "tests/unit", "Dockerfile"]
)
def test_nothing_else_is_sent_to_the_engine_secrets_least_of_all(name: str) -> None:
    assert not sent(name)


def sent(path: str) -> bool:
    """Return whether Docker gets a path: the last line of .dockerignore that matches it or a parent decides."""
    parts = Path(path).parts
    above = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    kept = True
    for line in (line for line in IGNORED.splitlines() if line and not line.startswith("#")):
        pattern = line.removeprefix("!").removeprefix("**/")
        if any(fnmatch(folder, pattern) for folder in above):
            kept = line.startswith("!")
    return kept


@pytest.mark.parametrize(
    ("locks", "folders"),
    [
        (["backends"], ["preprocess_backend", "router_backend"]),
        (["backends", "onnxruntime_backend"], ["preprocess_backend", "router_backend", "onnxruntime_backend"]),
    ],
)
def test_an_image_has_the_packages_that_its_backends_import_and_no_others(locks: list[str], folders: list[str]) -> None:
    known = {"PIL": "pillow", "cv2": "opencv-python-headless", "cykooz_resizer": "cykooz-resizer"}
    imported = {known.get(name, name) for folder in folders for name in imports(ROOT / folder)} - OPTIONAL
    wanted = {line for lock in locks for line in (REQUIREMENTS / f"{lock}.in").read_text().splitlines()}
    assert imported == {line for line in wanted if re.match(r"\w", line)}


def imports(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in OURS:
                    yield name


@pytest.mark.parametrize("lock", ["backends", "onnxruntime_backend"])
def test_an_image_has_the_versions_that_the_tests_ran_with(lock: str) -> None:
    assert pins(lock) <= pins("server")


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^(\S+==\S+ .*) \\$", (REQUIREMENTS / f"{lock}.txt").read_text(), re.MULTILINE))


def test_every_model_that_an_image_or_a_manifest_loads_is_there() -> None:
    flags = [flag for command in containers.commands() for flag in command.server_flags]
    loaded = {flag.removeprefix("--load-model=") for flag in flags if flag.startswith("--load-model=")}
    assert loaded
    assert not [name for name in loaded if not (ENSEMBLES / name / "config.pbtxt").exists()]
