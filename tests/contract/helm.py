"""The manifests that `helm install` would send to a cluster, rendered by Helm without a cluster."""

from __future__ import annotations

import subprocess
from functools import cache

import yaml

from cronnx_server.paths import ROOT
from tests.contract.cluster_programs import program
from tests.contract.kustomize import Manifest

CHART = ROOT / "deploy" / "helm"
RELEASE = "triton"
# What has no default, because every registry is somebody's own.
REGISTRY = (
    "--set=image.repository=registry.example.com/cronnx",
    "--set=monitoring.exporterImage.repository=registry.example.com/cronnx-tools",
)
GPU = (f"--values={CHART / 'values-gpu.yaml'}",)
OPERATORS = ("--set=monitoring.enabled=true,gateway.enabled=true,autoscaling.by=adapter",)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program("helm")), *arguments], capture_output=True, text=True)


def template(*options: str, release: str = RELEASE) -> subprocess.CompletedProcess[str]:
    return helm("template", release, str(CHART), f"--namespace={RELEASE}", *REGISTRY, *options)


@cache
def rendered(*options: str, release: str = RELEASE) -> list[Manifest]:
    """Return the manifests of a release with these options, in the order of their application."""
    done = template(*options, release=release)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]
