"""The `tritonserver` of this machine: NVIDIA's if it is installed, otherwise the one in the nvidia-pytriton wheel.

One folder has symbolic links to the project's Python-based backends and to those of the distribution. NVIDIA's own
onnxruntime backend takes the place of the project's.
"""

from __future__ import annotations

import compileall
import os
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cronnx_server import engines, packages
from cronnx_server.paths import BACKENDS, ENGINES, REQUIREMENTS, ROOT, SERVER, VENV
from cronnx_server.plain_paths import plain
from cronnx_server.serve import stub

NVIDIA = Path("/opt/tritonserver")
RELEASE = "2.51.0"
"""The release in the wheel."""
NVIDIA_ONNXRUNTIME = "backends/onnxruntime/libtriton_onnxruntime.so"
OUR_BACKENDS = {
    name.removesuffix("_backend"): ROOT / name
    for name in ("preprocess_backend", "router_backend", "onnxruntime_backend")
    if (ROOT / name).is_dir()
}


@dataclass(frozen=True)
class Distribution:
    """A `tritonserver` ready to start.

    Attributes:
        executable: The server's program.
        backends: The folder for `--backend-directory`.
        caches: The folder for `--cache-directory`.
        libraries: Folders to put on `LD_LIBRARY_PATH`.
    """

    executable: Path
    backends: Path
    caches: Path
    libraries: tuple[Path, ...] = ()

    @property
    def has_stand_in(self) -> bool:
        """Whether networks run in the project's onnxruntime backend, not in NVIDIA's."""
        return not (self.backends / "onnxruntime" / Path(NVIDIA_ONNXRUNTIME).name).exists()

    def command(self, repositories: Iterable[Path]) -> list[str]:
        """The part of the command line that depends on this machine and on the model repositories."""
        return [
            str(self.executable),
            f"--backend-directory={plain(self.backends)}",
            f"--cache-directory={plain(self.caches)}",
            *(f"--model-repository={plain(repository)}" for repository in repositories),
        ]

    def environment(self) -> dict[str, str]:
        """The server's environment variables: the stubs use the first `python3` on PATH, that of `.venv`."""
        # Nothing here calls BLAS, and NumPy starts a thread for it on each core in every stub.
        blas = {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}
        bytecode = {"PYTHONDONTWRITEBYTECODE": "1"}  # a new __pycache__ would make a model look changed
        path = {"PATH": os.pathsep.join((str(VENV / "bin"), os.environ.get("PATH", os.defpath)))}
        known = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
        libraries = os.pathsep.join(filter(None, [*map(str, self.libraries), *known]))
        return {**os.environ, **blas, **bytecode, **path, **({"LD_LIBRARY_PATH": libraries} if libraries else {})}


def gpu_count() -> int:
    """The number of NVIDIA GPUs of this machine; under Windows, WSL shows them as one device."""
    return len([*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")])


def working_folder(profile: str) -> Path:
    """The folder that a server starts in: the project's, or, with a profile, that of the engines that fit the GPU."""
    gpus = engines.gpu_names() if profile and gpu_count() else []
    if not gpus:
        return ROOT
    return engines.prepare(ENGINES, release=os.environ.get(engines.RELEASE, RELEASE), gpus=gpus)


def distribution(*, nvidia: Path = NVIDIA, backends: Path = BACKENDS) -> Distribution:
    """NVIDIA's distribution if `nvidia` has one with an onnxruntime backend, otherwise the wheel's, unpacked.

    Args:
        nvidia: The folder of NVIDIA's distribution.
        backends: The folder to fill with links to the backends.

    Raises:
        SetupError: The wheel cannot be installed, or this Python lacks the library that the stub needs.
    """
    if (nvidia / "bin" / "tritonserver").exists() and (nvidia / NVIDIA_ONNXRUNTIME).exists():
        return _of_nvidia(nvidia, backends)
    return _of_wheel(backends)


def _of_nvidia(nvidia: Path, backends: Path) -> Distribution:
    theirs = {backend.name: backend for backend in (nvidia / "backends").iterdir() if backend.is_dir()}
    _link(backends, {**OUR_BACKENDS, **theirs})
    return Distribution(nvidia / "bin" / "tritonserver", backends, nvidia / "caches")


def _of_wheel(backends: Path) -> Distribution:
    served = unpacked()
    python_backend = served / "backends" / "python"
    program = stub.stub(served / "python_backend_stubs", made=SERVER / stub.NAME)
    _point(python_backend / stub.NAME, program)
    _link(backends, {**OUR_BACKENDS, "python": python_backend})
    for folder in OUR_BACKENDS.values():  # once, not in every stub: `environment` keeps them from writing bytecode
        compileall.compile_dir(folder, quiet=2)
    libraries = (SERVER / "nvidia_pytriton.libs", Path(sysconfig.get_config_var("LIBDIR")))
    found = Distribution(served / "bin" / "tritonserver", backends, served / "caches", libraries)
    stub.check(program, found.environment())
    return found


def unpacked() -> Path:
    """The wheel's distribution, which the first call unpacks into `.triton`.

    Raises:
        SetupError: The wheel cannot be installed.
    """
    requirement = (REQUIREMENTS / "tritonserver.txt").read_text()
    packages.install_folder(requirement, SERVER, what=f"tritonserver {RELEASE} (55 MB)")
    return SERVER / "pytriton" / "tritonserver"


def _link(folder: Path, targets: Mapping[str, Path]) -> None:
    """Fill `folder` with exactly these links."""
    folder.mkdir(parents=True, exist_ok=True)
    for link in folder.iterdir():
        if link.name not in targets:
            link.unlink()
    for name, target in targets.items():
        _point(folder / name, target)


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() != target:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(target)
