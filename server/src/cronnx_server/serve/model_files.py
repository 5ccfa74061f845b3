"""`scripts/serve --watch`: loads a model again when its files change."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cronnx import Client, CronnxError
from cronnx_server import progress
from cronnx_server.files import PARTIAL
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.stub_watch import LOAD_TIMEOUT_S

SETTLE_S = 1.0

Files = Mapping[str, tuple[int, int]]
"""The time of the last change in nanoseconds and the size of each file of a model, by its path."""


class ModelFiles:
    """Tells which models' files have changed, once they stay as they are for `SETTLE_S`."""

    def __init__(self, repositories: Sequence[Path], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember the files as they are.

        Args:
            repositories: The model repositories.
            clock: Returns the time in seconds.
        """
        self._repositories, self._clock = repositories, clock
        self._known = self._look()
        self._changing: dict[str, tuple[Files, float]] = {}

    def changed(self) -> list[Path]:
        """The folders of the models whose files have changed since they were last returned."""
        try:
            present = self._look()
        except OSError:  # a folder went away while it was read; the next look finds it gone
            return []
        now_s, settled = self._clock(), []
        for folder in {**self._known, **present}:
            files = present.get(folder, {})
            if files == self._known.get(folder, {}):
                self._changing.pop(folder, None)
            elif folder not in self._changing or self._changing[folder][0] != files:
                self._changing[folder] = (files, now_s)
            elif now_s - self._changing[folder][1] >= SETTLE_S:
                del self._changing[folder]
                self._known[folder] = files
                settled.append(Path(folder))
        return settled

    def _look(self) -> dict[str, Files]:
        folders = [folder for repository in self._repositories for folder in repository.iterdir() if folder.is_dir()]
        return {str(folder): _files(folder) for folder in folders}


def _files(folder: Path) -> Files:
    """The files that Triton reads; those of an unfinished write and of Python's cache are none."""
    found = {}
    for path in folder.rglob("*"):
        if any(part == "__pycache__" or part.endswith(PARTIAL) for part in path.parts):
            continue
        with contextlib.suppress(OSError):  # it is being replaced
            status = path.stat()
            if not path.is_dir():
                found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


class Reloads:
    """Loads models of a running server, and says how that ended."""

    def __init__(self, addresses: Addresses, *, key: Key | None = None) -> None:
        """Prepare.

        Args:
            addresses: Where the server listens.
            key: The key that a load must carry; None if the server requires none.
        """
        self._addresses, self._key = addresses, key.text if key else None

    def load(self, model_name: str) -> None:
        """Load a model, and print what it serves now, or why it goes on as before."""
        with Client(self._addresses.http, key=self._key, timeout_s=LOAD_TIMEOUT_S) as client:
            try:
                client.load(model_name)
                versions = [
                    each.version for each in client.models() if (each.name, each.state) == (model_name, "READY")
                ]
            except CronnxError as error:
                progress.step(f"cannot load {model_name}: {error}; what was loaded before goes on")
                return
        progress.step(
            f"Loaded {model_name}: version{'s' * (len(versions) != 1)} {', '.join(sorted(versions, key=int))}"
        )

    def load_absent(self, model_name: str) -> None:
        """Load a model, unless it is loaded."""
        if self._is_loaded(model_name) is False:
            self.load(model_name)

    def follow(self, folder: Path) -> None:
        """Load the model of a folder whose files have changed, unless it is not loaded at all."""
        if self._is_loaded(folder.name):
            progress.step(f"The files of {folder.name} have changed")
            with contextlib.suppress(OSError):
                os.utime(folder)  # Triton reads only what is newer than before
            self.load(folder.name)

    def _is_loaded(self, model_name: str) -> bool | None:
        """Whether a model is loaded; None of a server that does not answer: when it starts, it reads the files anew."""
        with Client(self._addresses.http, key=self._key, timeout_s=LOAD_TIMEOUT_S) as client:
            try:
                return any(each.name == model_name and each.state for each in client.models())
            except CronnxError:
                return None
