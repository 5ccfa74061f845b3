"""Folders of models that appear in their repositories whole, all of them or none."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.files import PARTIAL, flush_folder, write_whole
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
    """Folders written in a staging folder, by their final places, and files that are replaced where they are."""

    staging: Path
    folders: dict[Path, Path] = field(default_factory=dict)
    files: dict[Path, bytes] = field(default_factory=dict)
    _is_swapped: bool = False

    def folder(self, place: Path) -> Path:
        """The staged folder that becomes `place`."""
        return self.folders.setdefault(place, self.staging / place.parent.name / place.name)

    def write(self, place: Path, files: dict[str, bytes]) -> None:
        """Write the files of a folder, by their paths in it."""
        for name, content in files.items():
            write_whole(self.folder(place) / name, content)

    def replace(self, path: Path, content: bytes) -> None:
        """Give a file other content, once the folders are in their places."""
        self.files[path] = content

    def publish(self) -> None:
        """Move every folder to its place, in the order of their first writes.

        A process that is killed before the last move leaves the journal, by which `recover` undoes the others.

        Raises:
            RepositoryError: A folder cannot be moved; all are withdrawn.
        """
        self._write_journal()
        try:
            for place, folder in self.folders.items():
                folder.rename(place)
                flush_folder(place.parent)
            self._swap_files()
        except BaseException as error:
            self.withdraw()
            if isinstance(error, OSError):
                raise RepositoryError(f"cannot write {error.filename2 or error.filename}: {error.strerror}") from error
            raise
        _journal(self.staging).unlink()

    def withdraw(self) -> None:
        """Move published folders back, last first, after the files that name them."""
        self._write_journal()
        if self._is_swapped:
            self._swap_files()
        _move_back(self.folders)

    def _swap_files(self) -> None:
        """Write the content of each replaced file, and keep the one that it had."""
        for path, content in self.files.items():
            before = path.read_bytes()
            write_whole(path, content)
            self.files[path] = before
        self._is_swapped = not self._is_swapped

    def _write_journal(self) -> None:
        folders = {str(place): str(folder) for place, folder in self.folders.items()}
        write_whole(_journal(self.staging), json.dumps(folders).encode())


def recover(repositories: Repositories = PROJECT) -> None:
    """Undo an addition that was interrupted, and remove versions of which there is only the beginning of a file.

    To be called while no other process adds or builds models.

    Raises:
        RepositoryError: A folder cannot be moved or removed.
    """
    try:
        _discard(repositories.staging)
        for version in repositories.models.glob("*_onnx/[1-9]*"):
            if version.is_dir() and not version.is_symlink() and _is_unfinished(version):
                shutil.rmtree(version)
    except OSError as error:
        raise RepositoryError(f"cannot remove {error.filename}: {error.strerror}") from error


@contextlib.contextmanager
def placement(repositories: Repositories) -> Iterator[Placement]:
    """Folders to write and publish; what an interrupted addition left is removed before, and the staging folder after.

    Raises:
        RepositoryError: A folder of an interrupted addition cannot be removed, or the staging folder not be made.
    """
    recover(repositories)
    try:
        repositories.staging.mkdir(parents=True)
    except OSError as error:
        raise RepositoryError(f"cannot write {repositories.staging}: {error.strerror}") from error
    try:
        yield Placement(repositories.staging)
    finally:
        with contextlib.suppress(OSError):
            _discard(repositories.staging)


def _journal(staging: Path) -> Path:
    """The file that says which folders are under way to which places; while it is there, none of them is to stay."""
    return staging / "journal.json"


def _discard(staging: Path) -> None:
    """Move the folders of a journal back, and only then remove the journal, and only then the folders."""
    journal = _journal(staging)
    if journal.exists():
        _move_back({Path(place): Path(folder) for place, folder in json.loads(journal.read_bytes()).items()})
        journal.unlink()
    if staging.exists():
        shutil.rmtree(staging)


def _move_back(folders: Mapping[Path, Path]) -> None:
    for place, folder in reversed([*folders.items()]):
        if place.exists() and not folder.exists():
            place.rename(folder)


def _is_unfinished(version: Path) -> bool:
    """Whether a folder is empty, or has only files that were being written; git keeps others by a `.gitkeep`."""
    return all(path.name.endswith(PARTIAL) for path in version.iterdir())
