"""NVIDIA's perf_analyzer: where it comes from, how it is called, and what it has seen.

Source: `docs/` of github.com/triton-inference-server/perf_analyzer; every request's times are in its profile export.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab.measurement import WARM_UP_S, Span
from cronnx_server import packages
from cronnx_server.paths import REQUIREMENTS, SERVER, STATE
from cronnx_server.serve import tritonserver

NEWER_GLIBC = (2, 38)
FOLDER, LIBRARIES = STATE / "perf_analyzer", STATE / "perf_analyzer_libraries"
NANOSECONDS = 1e9

# It measures until three windows agree within so many percent; short ones are to be taken as they are.
WINDOWS, ANY_PERCENTAGE = 3, 10_000

# What it ends with where one of them passed without an answer.
TOO_SHORT = "No valid requests recorded within time interval"


@dataclass(frozen=True)
class PerfAnalyzer:
    """The program, and the folder of the libraries it wants."""

    executable: Path
    libraries: Path

    def environment(self) -> dict[str, str]:
        """Its environment variables."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self.libraries)}

    def command(
        self, model_name: str, address: str, *, concurrency: int, seconds: float, inputs: Path, export: Path
    ) -> list[str]:
        """Load a model over gRPC for `seconds` after the warm-up, and write every request's times to `export`."""
        window_ms = round(1000 * (WARM_UP_S + seconds) / WINDOWS)
        return [
            str(self.executable),
            *("-m", model_name, "-u", address, "-i", "grpc", "--async"),
            f"--input-data={inputs}",
            f"--concurrency-range={concurrency}",
            f"--measurement-interval={window_ms}",
            f"--max-trials={WINDOWS}",
            f"--stability-percentage={ANY_PERCENTAGE}",
            f"--profile-export-file={export}",
        ]


def perf_analyzer() -> PerfAnalyzer:
    """The newest that runs on this machine, fetched the first time.

    Raises:
        SetupError: it cannot be had.
    """
    tritonserver.unpacked()  # the libraries it wants are the server's
    newer = tuple(map(int, platform.libc_ver()[1].split("."))) >= NEWER_GLIBC
    name = "perf_analyzer" if newer else "perf_analyzer_older_glibc"
    packages.install_folder((REQUIREMENTS / f"{name}.txt").read_text(), FOLDER, what="perf_analyzer")
    executable = FOLDER / "perf_analyzer" / "bin" / "perf_analyzer" if newer else FOLDER / "bin" / "perf_analyzer"
    executable.chmod(0o755)
    _link_libraries(LIBRARIES)
    return PerfAnalyzer(executable, LIBRARIES)


def _link_libraries(folder: Path) -> None:
    """The wheel of the server has them under names made unique: `libb64-98cb6333.so.0d` is `libb64.so.0d`."""
    folder.mkdir(exist_ok=True)
    for name, suffix in (("libb64", ".so.0d"), ("libcudart", ".so.12")):
        (library,) = (SERVER / "nvidia_pytriton.libs").glob(f"{name}-*{suffix}*")
        link = folder / f"{name}{suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(library)


def input_data(images: Sequence[bytes]) -> str:
    """The `--input-data` for an ensemble that takes an `image`: a BYTES element carries its length first."""
    elements = (struct.pack("<I", len(image)) + image for image in images)
    contents = ({"b64": base64.b64encode(element).decode()} for element in elements)
    return json.dumps({"data": [{"image": {"content": content, "shape": [1]}} for content in contents]})


def read_spans(export: Path) -> list[Span]:
    """When each request began and ended, in seconds."""
    # Inputs are in it byte for byte, which is no UTF-8.
    (experiment,) = json.loads(export.read_text(encoding="latin-1"), strict=False)["experiments"]
    requests = [each for each in experiment["requests"] if each["response_timestamps"]]
    return [(each["timestamp"] / NANOSECONDS, each["response_timestamps"][-1] / NANOSECONDS) for each in requests]
