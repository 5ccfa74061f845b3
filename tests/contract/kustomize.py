"""The manifests that `kubectl apply -k` would send to a cluster, rendered by kubectl without a cluster."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.contract.cluster_programs import program

Manifest = dict[str, Any]


@cache
def rendered(folder: Path) -> list[Manifest]:
    """Return the manifests of a kustomization in the order of their application."""
    done = subprocess.run([str(program("kubectl")), "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
