"""The program: how it is installed and called, and how its results are read.

Source: `docs/` of github.com/triton-inference-server/perf_analyzer. Its profile export has the times of every request.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab.address import Address
from cronnx_lab.load.answers import WARM_UP_S, Span
from cronnx_server import packages
from cronnx_server.errors import SetupError
from cronnx_server.paths import REQUIREMENTS, SERVER, STATE
from cronnx_server.serve import tritonserver

NEWER_GLIBC = (2, 38)
FOLDER, LIBRARIES = STATE / "perf_analyzer", STATE / "perf_analyzer_libraries"
NANOSECONDS = 1e9

# perf_analyzer measures until three windows agree within a percentage; any difference is accepted here.
WINDOWS, ANY_PERCENTAGE = 3, 10_000

# Its error when a window passed without an answer.
TOO_SHORT = "No valid requests recorded within time interval"


@dataclass(frozen=True)
class PerfAnalyzer:
    """The installed program.

    Attributes:
        executable: Its file.
        libraries: The folder with the shared libraries it needs.
    """

    executable: Path
    libraries: Path

    def environment(self) -> dict[str, str]:
        """The environment variables that it runs with."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self.libraries)}

    def command(
        self, model_name: str, server: Address, *, concurrency: str, inputs: Path, flags: Sequence[str] = ()
    ) -> list[str]:
        """The command line that loads a model.

        Args:
            model_name: The model.
            server: Where it is served.
            concurrency: Requests in flight at a time: `N`, or a range `START:END:STEP`.
            inputs: The file from `inputs.input_data`.
            flags: Further flags.
        """
        return [
            str(self.executable),
            *("-m", model_name, "-u", server.host_port, "-i", server.protocol, "--async"),
            f"--input-data={inputs}",
            f"--concurrency-range={concurrency}",
            *flags,
        ]


def one_measurement(seconds: float, export: Path) -> list[str]:
    """The flags for a single measurement.

    Args:
        seconds: The length of the load after its warm-up.
        export: Receives the times of every request; it must not exist.
    """
    window_ms = round(1000 * (WARM_UP_S + seconds) / WINDOWS)
    return [
        f"--measurement-interval={window_ms}",
        f"--max-trials={WINDOWS}",
        f"--stability-percentage={ANY_PERCENTAGE}",
        f"--profile-export-file={export}",
    ]


def perf_analyzer() -> PerfAnalyzer:
    """Install the newest version that this machine's glibc supports, unless it is there.

    Raises:
        SetupError: It cannot be downloaded or installed, or this machine has another C library.
    """
    newer = _glibc() >= NEWER_GLIBC
    tritonserver.unpacked()  # it uses libraries of the server's wheel
    name = "perf_analyzer" if newer else "perf_analyzer_older_glibc"
    packages.install_folder((REQUIREMENTS / f"{name}.txt").read_text(), FOLDER, what="perf_analyzer")
    executable = FOLDER / "perf_analyzer" / "bin" / "perf_analyzer" if newer else FOLDER / "bin" / "perf_analyzer"
    executable.chmod(0o755)
    _link_libraries(LIBRARIES)
    return PerfAnalyzer(executable, LIBRARIES)


def _glibc() -> tuple[int, ...]:
    """The version of this machine's glibc."""
    name, version = platform.libc_ver()
    if name != "glibc":
        raise SetupError(
            f"perf_analyzer needs glibc, got {name or 'another C library'}; use Debian 12, Ubuntu 22.04 or newer"
        )
    return tuple(map(int, version.split(".")))


def _link_libraries(folder: Path) -> None:
    """Link to the libraries in the server's wheel, which have unique names: `libb64-98cb6333.so.0d`."""
    folder.mkdir(exist_ok=True)
    for name, suffix in (("libb64", ".so.0d"), ("libcudart", ".so.12")):
        (library,) = (SERVER / "nvidia_pytriton.libs").glob(f"{name}-*{suffix}*")
        link = folder / f"{name}{suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(library)


def read_spans(export: Path) -> list[Span]:
    """Read the spans of the answered requests from a profile export."""
    # The export contains the inputs byte for byte, so it is not valid UTF-8.
    (experiment,) = json.loads(export.read_text(encoding="latin-1"), strict=False)["experiments"]
    requests = [each for each in experiment["requests"] if each["response_timestamps"]]
    return [(each["timestamp"] / NANOSECONDS, each["response_timestamps"][-1] / NANOSECONDS) for each in requests]
