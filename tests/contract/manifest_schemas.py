"""Whether manifests are what an API server takes: Kubernetes' own schemas, and ours of the custom resources."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.contract.kustomize import Manifest

# The oldest that has everything that is used (`preStop.sleep` without a feature gate), and the newest with a schema.
VERSIONS = ("1.34", "1.37")


def problem(manifest: Manifest, *, version: str) -> str:
    """What is wrong with a manifest in this version of Kubernetes; empty where nothing is."""
    try:
        if schema := _of_custom_resource(manifest):
            jsonschema.Draft202012Validator(schema).validate(manifest["spec"])
            for pod in _pods(manifest):
                kubernetes_validate.validate(pod, version, strict=True)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except jsonschema.ValidationError as error:
        return f"{manifest['kind']} {'/'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return error.message
    return ""


def _of_custom_resource(manifest: Manifest) -> dict[str, Any] | None:
    known = _custom_resources()
    schema = known.get(f"{manifest['apiVersion']}/{manifest['kind']}")
    return {**schema, "$defs": known["$defs"]} if schema else None


def _pods(manifest: Manifest) -> list[Manifest]:
    """The pods that a custom resource describes in Kubernetes' own terms."""
    parts = {key: manifest["spec"][key] for key in ("containers", "volumes") if key in manifest["spec"]}
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "part"}, "spec": parts}] if parts else []


@cache
def _custom_resources() -> dict[str, Any]:
    schemas: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("custom_resources.yaml").read_text())
    return schemas
