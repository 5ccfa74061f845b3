"""Every manifest that kubectl would apply, as far as it can be judged without a cluster."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cronnx_server.paths import ENSEMBLES, ROOT
from tests.contract.kustomize import Manifest, rendered
from tests.contract.manifest_schemas import VERSIONS, problem

KUBERNETES = ROOT / "deploy" / "kubernetes"
CPU, GPU = KUBERNETES / "overlays" / "cpu", KUBERNETES / "overlays" / "gpu"
OVERLAYS = pytest.mark.parametrize("folder", [CPU, GPU], ids=["cpu", "gpu"])
# Triton's default for --exit-timeout-secs, which the image and the runtime repeat.
EXIT_TIMEOUT_S = 30


def one(folder: Path, kind: str, name: str = "") -> Manifest:
    """Return the manifest of a kind and a name, or the only manifest of a kind."""
    (found,) = (each for each in rendered(folder) if each["kind"] == kind and name in ("", each["metadata"]["name"]))
    return found


def pods(folder: Path) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    """Return the manifests that describe pods, with the pods' specifications."""
    for manifest in rendered(folder):
        if manifest["kind"] in ("Deployment", "Job"):
            yield manifest, manifest["spec"]["template"]["spec"]


def containers(folder: Path) -> list[dict[str, Any]]:
    return [each for _, pod in pods(folder) for each in (*pod.get("initContainers", ()), *pod["containers"])]


def servers(folder: Path) -> list[dict[str, Any]]:
    return [each for each in containers(folder) if "--load-model=efficientnet_lite0" in each.get("args", ())]


@OVERLAYS
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_and_has_no_field_that_its_schema_has_not(folder: Path, version: str) -> None:
    assert [found for found in (problem(manifest, version=version) for manifest in rendered(folder)) if found] == []


@OVERLAYS
def test_a_misspelt_field_is_found_in_every_kind_of_manifest(folder: Path) -> None:
    for manifest in rendered(folder):
        if "spec" in manifest:
            misspelt = copy.deepcopy(manifest)
            misspelt["spec"]["misspelt"] = 1
            assert "misspelt" in problem(misspelt, version=VERSIONS[0]), manifest["kind"]


def test_tensorrt_is_added_to_the_gpu_overlay_with_a_place_for_its_engines_and_time_to_build_them(
    tmp_path: Path,
) -> None:
    overlay, component = (
        os.path.relpath(folder, tmp_path.resolve()) for folder in (GPU, KUBERNETES / "components" / "tensorrt")
    )
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{overlay}]\ncomponents: [{component}]\n")
    manifests = rendered(tmp_path.resolve())
    assert [found for found in (problem(manifest, version=VERSIONS[0]) for manifest in manifests) if found] == []
    (deployment,) = (manifest for manifest in manifests if manifest["kind"] == "Deployment")
    server = deployment["spec"]["template"]["spec"]["containers"][0]
    assert server["name"] == "triton"
    assert "--model-config-name=tensorrt" in server["args"]
    assert "engines" in {mount["name"] for mount in server["volumeMounts"]}
    startup_s = server["startupProbe"]["failureThreshold"] * server["startupProbe"]["periodSeconds"]
    assert 600 < startup_s < deployment["spec"]["progressDeadlineSeconds"]


@OVERLAYS
def test_everything_is_in_one_namespace(folder: Path) -> None:
    named = {each["metadata"].get("namespace") for each in rendered(folder) if each["kind"] != "Namespace"}
    assert named == {one(folder, "Namespace", "triton")["metadata"]["name"]}


@OVERLAYS
def test_no_container_may_do_more_than_it_needs(folder: Path) -> None:
    for manifest, pod in pods(folder):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            allowed = {**pod.get("securityContext", {}), **container["securityContext"]}
            assert allowed["runAsNonRoot"], manifest["kind"]
            assert allowed["runAsUser"] == 1000
            assert allowed["seccompProfile"] == {"type": "RuntimeDefault"}
            assert allowed["readOnlyRootFilesystem"]
            assert allowed["allowPrivilegeEscalation"] is False
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@OVERLAYS
def test_no_pod_gets_a_token_of_the_cluster(folder: Path) -> None:
    assert all(pod["automountServiceAccountToken"] is False for _, pod in pods(folder))


@OVERLAYS
def test_a_server_reads_models_and_key_and_writes_nowhere_but_in_volumes_of_its_own(folder: Path) -> None:
    for _, pod in pods(folder):
        written = {volume["name"] for volume in pod.get("volumes", ()) if "emptyDir" in volume}
        for container in pod["containers"]:
            if container in servers(folder):
                mounts = container["volumeMounts"]
                assert {mount["name"] for mount in mounts if not mount.get("readOnly")} == written
                assert {"/dev/shm", "/tmp"} <= {mount["mountPath"] for mount in mounts}  # noqa: S108 - a container's


@OVERLAYS
def test_shared_memory_is_memory_and_fits_the_containers_limit(folder: Path) -> None:
    (pod,) = (pod for _, pod in pods(folder) if pod["containers"][0] in servers(folder))
    (shm,) = (volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "shm")
    assert shm["medium"] == "Memory"
    limit = pod["containers"][0]["resources"]["limits"]["memory"]
    assert 2 * int(shm["sizeLimit"].removesuffix("Gi")) <= int(limit.removesuffix("Gi"))


@OVERLAYS
def test_a_server_is_told_to_end_after_the_proxies_and_killed_after_its_last_answer(folder: Path) -> None:
    deployment = one(folder, "Deployment", "triton")["spec"]
    grace_s = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (server,) = servers(folder)
    pause_s = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause_s > 0
    assert grace_s > pause_s + EXIT_TIMEOUT_S


@OVERLAYS
def test_a_server_is_ready_when_the_models_that_it_loads_answer(folder: Path) -> None:
    (server,) = servers(folder)
    loaded = [flag.partition("=")[2] for flag in server["args"] if flag.startswith("--load-model=")]
    assert all((ENSEMBLES / name / "config.pbtxt").exists() for name in loaded)
    for probe in (server["startupProbe"], server["readinessProbe"]):
        program, timeout, option, *asked = probe["exec"]["command"]
        assert (program, option, asked) == ("/opt/cronnx/healthcheck", "--models", loaded)
        assert float(timeout.removeprefix("--timeout-s=")) < probe["timeoutSeconds"]


@OVERLAYS
def test_a_server_is_out_of_use_long_before_it_is_started_anew(folder: Path) -> None:
    (server,) = servers(folder)
    ready, live = server["readinessProbe"], server["livenessProbe"]
    assert live["exec"] == ready["exec"]
    assert live["failureThreshold"] * live["periodSeconds"] >= 4 * ready["failureThreshold"] * ready["periodSeconds"]


@OVERLAYS
def test_every_selector_finds_the_servers_and_nothing_else(folder: Path) -> None:
    labels = one(folder, "Deployment", "triton")["spec"]["template"]["metadata"]["labels"]
    for kind, name in (("Service", "triton"), ("Service", "triton-pods")):
        assert one(folder, kind, name)["spec"]["selector"] == labels
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert one(folder, kind, "triton")["spec"]["selector"]["matchLabels"] == labels
    assert one(folder, "NetworkPolicy", "triton")["spec"]["podSelector"]["matchLabels"] == labels
    assert "labels" not in one(folder, "Job")["spec"]["template"].get("metadata", {})


@OVERLAYS
def test_every_port_leads_to_a_container(folder: Path) -> None:
    opened = {port["name"]: port["containerPort"] for each in containers(folder) for port in each.get("ports", ())}
    services = {name: one(folder, "Service", name)["spec"]["ports"] for name in ("triton", "triton-pods")}
    for port in (port for ports in services.values() for port in ports):
        assert opened[port["targetPort"]] == port["port"]
    scraped = {each["port"] for each in one(folder, "ServiceMonitor", "triton")["spec"]["endpoints"]}
    assert scraped <= {port["name"] for port in services["triton"]}
    rules = one(folder, "NetworkPolicy", "triton")["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == set(opened.values())


@OVERLAYS
def test_routes_lead_from_their_listener_to_their_protocols_port(folder: Path) -> None:
    listeners = {each["name"]: each for each in one(folder, "Gateway", "triton")["spec"]["listeners"]}
    ports = {port["port"]: port["name"] for port in one(folder, "Service", "triton")["spec"]["ports"]}
    for kind in ("HTTPRoute", "GRPCRoute"):
        route = one(folder, kind, "triton")["spec"]
        (parent,) = route["parentRefs"]
        listener = listeners[parent["sectionName"]]
        assert listener["allowedRoutes"]["kinds"] == [{"kind": kind}]
        assert [listener["hostname"]] == route["hostnames"]
        assert {ports[each["port"]] for rule in route["rules"] for each in rule["backendRefs"]} == {listener["name"]}


def test_no_route_leads_to_a_call_that_changes_a_server() -> None:
    from tritonclient.grpc.service_pb2 import DESCRIPTOR

    methods = {each.name for each in DESCRIPTOR.services_by_name["GRPCInferenceService"].methods}
    matches = one(CPU, "GRPCRoute", "triton")["spec"]["rules"][0]["matches"]
    routed = {each["method"]["method"] for each in matches}
    assert routed <= methods
    assert not [name for name in routed if re.search("Repository|SharedMemory|Trace|Log", name)]
    rules = one(CPU, "HTTPRoute", "triton")["spec"]["rules"]
    paths = [match["path"] for rule in rules for match in rule["matches"]]
    assert {path["value"] for path in paths if path["type"] == "PathPrefix"} == {"/v2/models", "/v2/health"}


def removed(rule: dict[str, Any]) -> set[str]:
    return {name for each in rule["filters"] for name in each["requestHeaderModifier"]["remove"]}


def test_routes_remove_the_headers_that_crash_triton() -> None:
    binary, others = one(CPU, "HTTPRoute", "triton")["spec"]["rules"]
    (header,) = (header for match in binary["matches"] for header in match["headers"])
    lengths = ["10", "1000000", "x", "-1", "99999999999", "2, 2"]
    assert [each for each in lengths if re.fullmatch(header["value"], each)] == ["10", "1000000"]
    assert removed(binary) == {"Content-Type", "Content-Encoding"}
    assert removed(others) == {"Content-Type", "Content-Encoding", header["name"]}
    (grpc,) = one(CPU, "GRPCRoute", "triton")["spec"]["rules"]
    assert removed(grpc) == {"grpc-encoding"}


@OVERLAYS
def test_servers_have_the_volume_that_the_job_fills(folder: Path) -> None:
    filled = one(folder, "PersistentVolumeClaim")["metadata"]["name"]
    assert one(folder, "Job")["spec"]["template"]["spec"]["volumes"][0] == {
        "name": "models",
        "persistentVolumeClaim": {"claimName": filled},
    }
    volumes = one(folder, "Deployment", "triton")["spec"]["template"]["spec"]["volumes"]
    assert {"claimName": filled, "readOnly": True} in [each.get("persistentVolumeClaim") for each in volumes]


@OVERLAYS
def test_no_image_is_left_without_a_registry_and_a_version(folder: Path) -> None:
    assert all(re.fullmatch(r"[\w.]+/cronnx(-tools)?:[\w-]+", each["image"]) for each in containers(folder))


def test_only_the_gpu_overlay_asks_for_gpus() -> None:
    asked = {
        folder: [each["resources"]["limits"].get("nvidia.com/gpu") for each in servers(folder)] for folder in (CPU, GPU)
    }
    assert asked == {CPU: [None], GPU: ["1"]}
