"""Versions that are built while a server answers, and then loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from threading import Thread

from cronnx_server import progress
from cronnx_server.build_models.missing_models import ModelVersion
from cronnx_server.paths import SERVER_SOURCE

LOWEST_PRIORITY = 19


def command_of(name: str, version: int) -> list[str]:
    """The command that builds one version in a process of its own."""
    return [sys.executable, "-I", str(SERVER_SOURCE), "cronnx_server.build_models", f"{name}/{version}"]


class LaterVersions:
    """Builds versions one after another, each in a process that leaves the cores to the server.

    One process for each version: other commands of the clone wait for no more than one build. A version is there whole
    or not at all, so that ending a build in the middle costs only its time; the next start builds it.
    """

    def __init__(
        self,
        versions: Mapping[ModelVersion, Sequence[str]],
        load: Callable[[str], None],
        *,
        command: Callable[[str, int], list[str]] = command_of,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            versions: What to build, in this order, and the models to load after each.
            load: Loads a model by name.
            command: The command that builds a version.
        """
        self._versions, self._load, self._command = versions, load, command
        self._is_stopped = False
        self._build: subprocess.Popen[str] | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Build and load in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the build that runs, and begin no other."""
        self._is_stopped = True
        if self._build:
            self._build.terminate()

    def wait(self) -> None:
        """Wait until everything is built."""
        self._thread.join()

    def _run(self) -> None:
        failed: set[str] = set()
        for (name, version), models in self._versions.items():
            problem = "" if name in failed else self._built(name, version)
            if self._is_stopped:
                return
            if problem:
                progress.step(f"cannot build {name} version {version}: {problem}; the next start tries again")
                failed.add(name)
            if name not in failed:
                for model in models:
                    self._load(model)

    def _built(self, name: str, version: int) -> str:
        """Build a version, and return why it could not be built; empty if it was."""
        with subprocess.Popen(
            self._command(name, version),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the server, which ends this too
        ) as self._build:
            os.setpriority(os.PRIO_PROCESS, self._build.pid, LOWEST_PRIORITY)
            if self._is_stopped:  # `stop` came before there was a build to end
                self._build.terminate()
            _, errors = self._build.communicate()
        lines = [line for line in errors.splitlines() if not line.startswith("==> ")]
        problem = (lines or [f"status {self._build.returncode}"])[-1] if self._build.returncode else ""
        return problem.removeprefix(f"build_models: {name} version {version}: ")
