from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT, SERVER, VENV
from cronnx_server.serve import tritonserver
from cronnx_server.serve.tritonserver import Distribution, distribution


@pytest.fixture
def nvidia(tmp_path: Path) -> Path:
    """NVIDIA's distribution as in its container."""
    folder = tmp_path / "nvidia"
    for backend in ("python", "onnxruntime", "tensorrt"):
        (folder / "backends" / backend).mkdir(parents=True)
    (folder / "backends" / "onnxruntime" / "libtriton_onnxruntime.so").touch()
    (folder / "bin").mkdir()
    (folder / "bin" / "tritonserver").touch()
    return folder


@pytest.fixture
def backends(tmp_path: Path) -> Path:
    return tmp_path / "state" / "backends"


def links(folder: Path) -> dict[str, Path]:
    return {link.name: link.readlink() for link in folder.iterdir()}


def test_nvidias_is_taken_where_it_has_its_onnxruntime_backend(nvidia: Path, backends: Path) -> None:
    assert distribution(nvidia=nvidia, backends=backends) == Distribution(
        nvidia / "bin" / "tritonserver", backends, nvidia / "caches"
    )


def test_nvidias_backends_stand_beside_ours_and_the_stand_in_is_left_out(nvidia: Path, backends: Path) -> None:
    distribution(nvidia=nvidia, backends=backends)
    theirs = {name: nvidia / "backends" / name for name in ("python", "onnxruntime", "tensorrt")}
    ours = {name: path for name, path in tritonserver.OUR_BACKENDS.items() if name != "onnxruntime"}
    assert ours["preprocess"] == ROOT / "preprocess_backend"
    assert links(backends) == {**ours, **theirs}


@pytest.mark.parametrize("missing", ["backends/onnxruntime/libtriton_onnxruntime.so", "bin/tritonserver"])
@pytest.mark.usefixtures("served")
def test_the_wheels_is_taken_where_nvidias_lacks_a_part(nvidia: Path, backends: Path, missing: str) -> None:
    (nvidia / missing).unlink()
    found = distribution(nvidia=nvidia, backends=backends)
    assert SERVER in found.executable.parents
    assert os.access(found.executable, os.X_OK)
    assert found.libraries[0] == SERVER / "nvidia_pytriton.libs"
    assert (found.caches / "local" / "libtritoncache_local.so").exists()


@pytest.mark.usefixtures("served")
def test_the_wheels_python_backend_stands_beside_all_of_ours(tmp_path: Path, backends: Path) -> None:
    distribution(nvidia=tmp_path, backends=backends)
    python = SERVER / "pytriton" / "tritonserver" / "backends" / "python"
    assert links(backends) == {**tritonserver.OUR_BACKENDS, "python": python}
    assert (backends / "python" / "libtriton_python.so").exists()
    assert os.access(backends / "python" / "triton_python_backend_stub", os.X_OK)


def test_each_of_our_backends_is_a_folder_with_a_model_py() -> None:
    assert {"preprocess", "onnxruntime"} <= tritonserver.OUR_BACKENDS.keys()
    assert all((folder / "model.py").exists() for folder in tritonserver.OUR_BACKENDS.values())


def test_a_link_that_points_elsewhere_is_repaired_and_a_stray_one_removed(nvidia: Path, backends: Path) -> None:
    backends.mkdir(parents=True)
    (backends / "python").symlink_to(nvidia)
    (backends / "preprocess").symlink_to(nvidia / "absent")
    (backends / "stray").symlink_to(nvidia)
    distribution(nvidia=nvidia, backends=backends)
    found = links(backends)
    assert found["python"] == nvidia / "backends" / "python"
    assert found["preprocess"] == ROOT / "preprocess_backend"
    assert "stray" not in found


def test_a_second_start_finds_the_links_as_they_are(nvidia: Path, backends: Path) -> None:
    distribution(nvidia=nvidia, backends=backends)
    before = {link.name: link.lstat().st_ino for link in backends.iterdir()}
    distribution(nvidia=nvidia, backends=backends)
    assert {link.name: link.lstat().st_ino for link in backends.iterdir()} == before


def test_the_command_names_every_repository_in_order() -> None:
    found = Distribution(Path("/bin/tritonserver"), Path("/backends"), Path("/caches"))
    assert found.command([Path("/models"), Path("/ensembles")]) == [
        "/bin/tritonserver",
        "--backend-directory=/backends",
        "--cache-directory=/caches",
        "--model-repository=/models",
        "--model-repository=/ensembles",
    ]


def environment(*libraries: str) -> dict[str, str]:
    nowhere = Path("/nowhere")
    return Distribution(nowhere, nowhere, nowhere, tuple(map(Path, libraries))).environment()


def test_the_stubs_find_the_environments_python_first() -> None:
    first, _, rest = environment()["PATH"].partition(os.pathsep)
    assert first == str(VENV / "bin")
    assert rest == os.environ["PATH"]


def test_no_bytecode_is_written_beside_a_model() -> None:
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_stubs_find_our_backends_compiled(tmp_path: Path, backends: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = tmp_path / "router_backend"
    backend.mkdir()
    (backend / "model.py").touch()
    monkeypatch.setattr(tritonserver, "OUR_BACKENDS", {"router": backend})
    distribution(nvidia=tmp_path, backends=backends)
    assert Path(importlib.util.cache_from_source(str(backend / "model.py"))).exists()


def test_numpy_starts_no_threads_for_blas_unless_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert environment()["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert environment()["OPENBLAS_NUM_THREADS"] == "4"


def test_the_distributions_libraries_come_before_the_users() -> None:
    known = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    assert environment("/a", "/b")["LD_LIBRARY_PATH"].split(os.pathsep) == ["/a", "/b", *known]
    assert environment().get("LD_LIBRARY_PATH", "") == os.pathsep.join(known)
