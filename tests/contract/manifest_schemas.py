"""Validation of manifests by Kubernetes' schemas, and by the project's schemas of the custom resources."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.contract.kustomize import Manifest

# The oldest version that supports every field in use (`preStop.sleep`) by default, and the newest with a schema.
VERSIONS = ("1.30", "1.37")


def problem(manifest: Manifest, *, version: str) -> str:
    """Return what is wrong with a manifest in this version of Kubernetes, or an empty string."""
    try:
        if schema := _of_custom_resource(manifest):
            jsonschema.Draft202012Validator(schema).validate(manifest["spec"])
            kubernetes_validate.validate(_deployment(manifest["spec"]), version, strict=True)
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


def _deployment(spec: dict[str, Any]) -> Manifest:
    """Return the parts of a custom resource that have Kubernetes' own schemas, as a Deployment."""
    predictor = spec.get("predictor", {})
    pod = {
        "containers": spec.get("containers", [{"name": "of-the-runtime"}]),
        "volumes": spec.get("volumes", []),
        "tolerations": spec.get("tolerations", []),
        "securityContext": predictor.get("securityContext", {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "made"},
        "spec": {"selector": {}, "template": {"spec": pod}, "strategy": predictor.get("deploymentStrategy", {})},
    }


@cache
def _custom_resources() -> dict[str, Any]:
    schemas: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("custom_resources.yaml").read_text())
    return schemas
