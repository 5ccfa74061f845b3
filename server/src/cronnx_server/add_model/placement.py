"""Folders of models that appear in their repositories whole, all of them or none."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.errors import SetupError
from cronnx_server.files import write_whole
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, STATE


@dataclass(frozen=True)
class Repositories:
    """Where models go, and a folder on the same disk to write them in first."""

    models: Path = MODEL_REPOSITORY
    ensembles: Path = ENSEMBLES
    aside: Path = STATE / "additions"


OWN = Repositories()


@dataclass
class Placement:
    """What is written aside, by the folder it is to become."""

    aside: Path
    folders: dict[Path, Path] = field(default_factory=dict)

    def folder(self, place: Path) -> Path:
        """The folder, written aside, that will be `place`."""
        return self.folders.setdefault(place, self.aside / place.parent.name / place.name)

    def write(self, place: Path, files: dict[str, bytes]) -> None:
        """Write the files of a folder, by their paths in it."""
        for name, content in files.items():
            write_whole(self.folder(place) / name, content)

    def publish(self) -> None:
        """Put every folder in its place, in the order they were first written.

        Raises:
            SetupError: one cannot be put there; none is.
        """
        try:
            for place, folder in self.folders.items():
                folder.rename(place)
        except BaseException as error:
            self.withdraw()
            if isinstance(error, OSError):
                raise SetupError(f"cannot write {error.filename2 or error.filename}: {error.strerror}") from error
            raise

    def withdraw(self) -> None:
        """Take back what was put in its place, last first."""
        for place, folder in reversed(self.folders.items()):
            if not folder.exists():
                place.rename(folder)


@contextlib.contextmanager
def placement(aside: Path) -> Iterator[Placement]:
    """A placement whose folder aside, and what an interrupted one left there, is gone afterwards."""
    shutil.rmtree(aside, ignore_errors=True)
    try:
        yield Placement(aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
