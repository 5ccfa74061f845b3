"""Folders of models that appear in their repositories whole, all of them or none."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.files import write_whole
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, STATE

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Repositories:
    """The repositories of models and of ensembles.

    Attributes:
        models: The repository of networks and preprocess models.
        ensembles: The repository of ensembles.
        staging: A folder on the same disk in which new folders are written first.
    """

    models: Path = MODEL_REPOSITORY
    ensembles: Path = ENSEMBLES
    staging: Path = STATE / "additions"


PROJECT = Repositories()


def check_name(name: str, repositories: Repositories) -> None:
    """Check that a name can be a folder and part of a URL, and that no other model has it.

    An existing `<name>_onnx` is not another model: it gets a next version.

    Raises:
        ModelFileError: The name is malformed.
        RepositoryError: Another model has the name; Triton refuses a name that is in two repositories.
    """
    if not NAME.fullmatch(name):
        raise ModelFileError(
            f"expected up to 64 letters, digits, '_' and '-' as --name, a letter or digit first, got {name!r}"
        )
    taken = [repositories.models / name, repositories.ensembles / f"{name}_onnx"]
    if not (repositories.models / f"{name}_onnx").exists():
        taken.append(repositories.ensembles / name)
    for folder in taken:
        if folder.exists():
            raise RepositoryError(f"{folder.parent.name}/{folder.name} exists already; choose another --name")


@dataclass
class Placement:
    """Folders written in a staging folder, by their final places."""

    staging: Path
    folders: dict[Path, Path] = field(default_factory=dict)

    def folder(self, place: Path) -> Path:
        """The staged folder that becomes `place`."""
        return self.folders.setdefault(place, self.staging / place.parent.name / place.name)

    def write(self, place: Path, files: dict[str, bytes]) -> None:
        """Write the files of a folder, by their paths in it."""
        for name, content in files.items():
            write_whole(self.folder(place) / name, content)

    def publish(self) -> None:
        """Move every folder to its place, in the order of their first writes.

        Raises:
            RepositoryError: A folder cannot be moved; all are withdrawn.
        """
        try:
            for place, folder in self.folders.items():
                folder.rename(place)
        except BaseException as error:
            self.withdraw()
            if isinstance(error, OSError):
                raise RepositoryError(f"cannot write {error.filename2 or error.filename}: {error.strerror}") from error
            raise

    def withdraw(self) -> None:
        """Move published folders back, last first."""
        for place, folder in reversed(self.folders.items()):
            if not folder.exists():
                place.rename(folder)


@contextlib.contextmanager
def placement(staging: Path) -> Iterator[Placement]:
    """Empty the staging folder, which an interrupted addition may have left, and remove it at the end."""
    shutil.rmtree(staging, ignore_errors=True)
    try:
        yield Placement(staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
