"""The manifests for KServe, as far as they can be judged without a cluster."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cronnx_server.paths import ENSEMBLES, ROOT
from cronnx_server.serve.options import MODEL_CONTROL
from tests import containers
from tests.contract.kustomize import Manifest, rendered
from tests.contract.manifest_schemas import VERSIONS, problem

FOLDER = ROOT / "deploy" / "kserve"
CPU, GPU = FOLDER / "cpu", FOLDER / "gpu"
BOTH = pytest.mark.parametrize("folder", [CPU, GPU], ids=["cpu", "gpu"])
# Triton's default for --exit-timeout-secs, which the image and the runtime repeat.
EXIT_TIMEOUT_S = 30


def one(folder: Path, kind: str) -> Manifest:
    (found,) = (each for each in rendered(folder) if each["kind"] == kind)
    return found


def runtime(folder: Path) -> dict[str, Any]:
    spec: dict[str, Any] = one(folder, "ServingRuntime")["spec"]
    return spec


def server(folder: Path) -> dict[str, Any]:
    """Return the runtime's container."""
    (container,) = runtime(folder)["containers"]
    return dict(container)


def predictor(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = one(folder, "InferenceService")["spec"]["predictor"]
    return found


def with_storage(folder: Path) -> list[Manifest]:
    """Return the manifests with models from a bucket, rendered in a folder."""
    cpu, storage = (os.path.relpath(path, folder) for path in (CPU, FOLDER / "storage"))
    (folder / "kustomization.yaml").write_text(f"resources: [{cpu}]\ncomponents: [{storage}]\n")
    return rendered(folder)


@BOTH
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_and_has_no_field_that_its_schema_has_not(folder: Path, version: str) -> None:
    assert [found for found in (problem(manifest, version=version) for manifest in rendered(folder)) if found] == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ServingRuntime", []),
        ("ServingRuntime", ["containers", 0]),
        ("ServingRuntime", ["volumes", 0]),
        ("ServingRuntime", ["tolerations", 0]),
        ("InferenceService", []),
        ("InferenceService", ["predictor", "deploymentStrategy"]),
        ("InferenceService", ["predictor", "securityContext"]),
        ("PodDisruptionBudget", []),
        ("ServiceMonitor", []),
    ],
)
def test_a_misspelt_field_is_found(kind: str, path: list[Any]) -> None:
    misspelt = copy.deepcopy(one(GPU, kind))
    part = misspelt["spec"]
    for step in path:
        part = part[step]
    part["misspelt"] = 1
    assert "misspelt" in problem(misspelt, version=VERSIONS[0])


@BOTH
def test_the_image_is_nvidias_with_a_registry_and_a_version(folder: Path) -> None:
    assert re.fullmatch(r"[\w.]+/cronnx:nvidia-[\w-]+", server(folder)["image"])


@BOTH
def test_a_server_starts_as_the_image_does_and_keeps_no_caller_for_ever(folder: Path) -> None:
    flags, image = server(folder)["args"], containers.image_list("ENTRYPOINT")
    assert [*server(folder)["command"], *flags[: len(image) - 1]] == image
    assert set(MODEL_CONTROL) <= set(flags)
    (age_ms,) = (int(flag.partition("=")[2]) for flag in flags if flag.startswith("--grpc-max-connection-age="))
    assert 60_000 <= age_ms <= 600_000


@BOTH
def test_a_server_gets_requests_when_the_models_that_it_loads_have_answered(folder: Path) -> None:
    loaded = [flag.partition("=")[2] for flag in server(folder)["args"] if flag.startswith("--load-model=")]
    assert all((ENSEMBLES / name / "config.pbtxt").exists() for name in loaded)
    startup, live = server(folder)["startupProbe"], server(folder)["livenessProbe"]
    program, timeout, option, *asked = startup["exec"]["command"]
    assert (program, option, asked) == ("/opt/cronnx/healthcheck", "--models", loaded)
    assert live["exec"] == startup["exec"]
    assert all(float(timeout.removeprefix("--timeout-s=")) < probe["timeoutSeconds"] for probe in (startup, live))


@BOTH
def test_a_server_is_out_of_use_long_before_it_is_restarted(folder: Path) -> None:
    ready, live = server(folder)["readinessProbe"], server(folder)["livenessProbe"]
    assert ready["httpGet"] == {"path": "/v2/health/ready", "port": "http1"}
    assert live["failureThreshold"] * live["periodSeconds"] >= 4 * ready["failureThreshold"] * ready["periodSeconds"]


@BOTH
def test_a_container_may_do_no_more_than_it_needs(folder: Path) -> None:
    allowed = server(folder)["securityContext"]
    assert allowed["runAsNonRoot"]
    assert allowed["runAsUser"] == 1000
    assert allowed["seccompProfile"] == {"type": "RuntimeDefault"}
    assert allowed["readOnlyRootFilesystem"]
    assert allowed["allowPrivilegeEscalation"] is False
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert predictor(folder)["automountServiceAccountToken"] is False


@BOTH
def test_a_server_writes_to_memory_and_tmp_alone(folder: Path) -> None:
    volumes = {volume["name"]: volume for volume in runtime(folder)["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in server(folder)["volumeMounts"]}
    writable = {path for path, mount in mounts.items() if not mount.get("readOnly")}
    assert writable == {"/dev/shm", "/tmp"}  # noqa: S108 - a container's
    assert all("emptyDir" in volumes[mounts[path]["name"]] for path in writable)
    shm = volumes["shm"]["emptyDir"]
    limit = server(folder)["resources"]["limits"]["memory"]
    assert shm["medium"] == "Memory"
    assert 2 * int(shm["sizeLimit"].removesuffix("Gi")) <= int(limit.removesuffix("Gi"))


@BOTH
def test_a_changed_key_does_not_reach_the_probes_of_a_server_that_was_started_with_another(folder: Path) -> None:
    (mount,) = (each for each in server(folder)["volumeMounts"] if each["name"] == "key")
    assert mount["subPath"] == "key"
    assert server(folder)["env"] == [{"name": "CRONNX_KEY_FILE", "value": mount["mountPath"]}]


@BOTH
def test_a_server_stops_after_the_proxies_know_and_is_killed_after_its_last_answer(folder: Path) -> None:
    assert predictor(folder)["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pause_s = server(folder)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause_s > 0
    assert predictor(folder)["terminationGracePeriodSeconds"] > pause_s + EXIT_TIMEOUT_S


@BOTH
def test_budget_and_monitor_find_the_pods_and_the_port(folder: Path) -> None:
    label = {"app": f"isvc.{one(folder, 'InferenceService')['metadata']['name']}-predictor"}
    assert one(folder, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == label
    monitor = one(folder, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"] == label
    (endpoint,) = monitor["endpoints"]
    ports = {port["name"]: port["containerPort"] for port in server(folder)["ports"]}
    assert ports[endpoint["port"]] == 8002
    assert next(iter(ports)) == "http1", "KServe makes the first port its Service's port 80"


def test_the_gpu_variant_asks_for_a_gpu() -> None:
    asked = {folder: server(folder)["resources"]["limits"].get("nvidia.com/gpu") for folder in (CPU, GPU)}
    assert asked == {CPU: None, GPU: "1"}
    assert [each["key"] for each in runtime(GPU)["tolerations"]] == ["nvidia.com/gpu"]
    profiles = {folder: "--model-config-name=cuda" in server(folder)["args"] for folder in (CPU, GPU)}
    assert profiles == {CPU: False, GPU: True}


@BOTH
def test_models_come_from_the_image(folder: Path) -> None:
    assert "storageUri" not in predictor(folder)["model"]
    assert not any("mnt" in flag for flag in server(folder)["args"])


def test_models_may_come_from_a_bucket(tmp_path: Path) -> None:
    manifests = {each["kind"]: each for each in with_storage(tmp_path.resolve())}
    assert [found for each in manifests.values() if (found := problem(each, version=VERSIONS[0]))] == []
    assert manifests["InferenceService"]["spec"]["predictor"]["model"]["storageUri"].startswith("s3://")
    flags = manifests["ServingRuntime"]["spec"]["containers"][0]["args"]
    assert [flag for flag in flags if flag.startswith("--model-repository")] == [
        "--model-repository=/mnt/models/model_repository",
        "--model-repository=/mnt/models/ensembles",
    ]
