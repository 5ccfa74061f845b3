"""The Helm chart: every manifest that it makes, as far as it can be judged without a cluster."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
import yaml

from cronnx_server.paths import ENSEMBLES
from tests import containers
from tests.contract.helm import CHART, GPU, OPERATORS, REGISTRY, RELEASE, helm, rendered, template
from tests.contract.kustomize import Manifest
from tests.contract.manifest_schemas import VERSIONS, problem

CPU = OPERATORS
BUCKET = ("--set=models.bucket=s3://bucket/folder,models.bucketSecret=bucket",)
SETUPS: dict[str, tuple[str, ...]] = {
    "default": (),
    "cpu": CPU,
    "gpu": (*GPU, *OPERATORS),
    "tensorrt": (*GPU, "--set=profile=tensorrt,startSeconds=1800,engines.volumeClaim=engines"),
    "keda": (*GPU, *OPERATORS, "--set=autoscaling.by=keda"),
    "fixed": ("--set=autoscaling.by=none",),
    "volume": ("--set=models.volumeClaim=models-2",),
    "s3": BUCKET,
    "gs": ("--set=models.bucket=gs://bucket/folder/,models.bucketSecret=bucket",),
    "identity": ("--set=models.bucket=as://account/container/folder",),
    "placed": (
        f"--values={CHART / 'values-gpu.yaml'}",
        "--set=resources.limits.cpu=8,resources.requests.cpu=8,nodeSelector.pool=gpu,runtimeClassName=nvidia,priorityClassName=high,gpu.resource=nvidia.com/mig-1g.10gb",
        '--set-json=affinity={"nodeAffinity": {}}',
        "--set=imagePullSecrets[0].name=registry,podLabels.team=a,podAnnotations.note=b,flags[0]=--log-verbose=1",
        "--set=env[0].name=A,env[0].value=b,spreadOver[0]=topology.kubernetes.io/zone",
        f"--set=image.digest=sha256:{'0' * 64}",
        '--set-json=networkPolicy.egress=[{"ports": [{"port": 4318}]}]',
        "--set=networkPolicy.callers[0]=web,networkPolicy.monitoring=prometheus",
    ),
}
ALL = pytest.mark.parametrize("options", SETUPS.values(), ids=SETUPS)
# Triton's default for --exit-timeout-secs, which the image repeats.
EXIT_TIMEOUT_S = 30


def one(options: tuple[str, ...], kind: str, name: str = RELEASE) -> Manifest:
    (found,) = (each for each in rendered(*options) if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def pod(options: tuple[str, ...]) -> dict[str, Any]:
    specification: dict[str, Any] = one(options, "Deployment")["spec"]["template"]["spec"]
    return specification


def server(options: tuple[str, ...]) -> dict[str, Any]:
    container: dict[str, Any] = pod(options)["containers"][0]
    assert container["name"] == "triton"
    return container


def mounts(options: tuple[str, ...]) -> dict[str, str]:
    """Return the volume that the server finds at each path."""
    return {mount["mountPath"]: mount["name"] for mount in server(options)["volumeMounts"]}


def volumes(options: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {volume["name"]: volume for volume in pod(options)["volumes"]}


# The chart


@pytest.mark.parametrize("options", [(), GPU], ids=["cpu", "gpu"])
def test_helm_has_nothing_to_say_against_the_chart(options: tuple[str, ...]) -> None:
    done = helm("lint", "--strict", str(CHART), *REGISTRY, *options)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_and_has_no_field_that_its_schema_has_not(version: str) -> None:
    different = {json.dumps(manifest) for options in SETUPS.values() for manifest in rendered(*options)}
    assert [found for found in (problem(json.loads(each), version=version) for each in different) if found] == []


@pytest.mark.parametrize("setup", ["cpu", "keda"])
def test_a_misspelt_field_is_found_in_every_kind_of_manifest(setup: str) -> None:
    for manifest in rendered(*SETUPS[setup]):
        if "spec" in manifest:
            misspelt = copy.deepcopy(manifest)
            misspelt["spec"]["misspelt"] = 1
            assert "misspelt" in problem(misspelt, version=VERSIONS[0]), manifest["kind"]


def test_without_values_it_needs_no_operator() -> None:
    groups = {each["apiVersion"] for each in rendered()}
    assert not [group for group in groups if "." in group and not group.partition("/")[0].endswith(".k8s.io")]
    assert not {"Gateway", "HTTPRoute", "ServiceMonitor", "ScaledObject"} & {each["kind"] for each in rendered()}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("models.bucket=s3://b,models.volumeClaim=c", "/models/volumeClaim"),
        ("models.bucket=https://b", "/models/bucket"),
        ("models.load=null", "/models"),
        ("autoscaling.by=keda", "/monitoring/enabled"),
        ("profile=cuda", "/gpu/enabled"),
        ("resources.limits.nvidia\\.com/gpu=1", "nvidia.com/gpu"),
        ("gatway.enabled=true", "gatway"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(options: str, told: str) -> None:
    done = template(f"--set={options}")
    assert done.returncode != 0
    assert told in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "image.repository"),
        ((*REGISTRY[:1], "--set=monitoring.enabled=true"), "monitoring.exporterImage.repository"),
    ],
)
def test_a_missing_image_is_named(options: tuple[str, ...], told: str) -> None:
    done = helm("template", RELEASE, str(CHART), *options)
    assert done.returncode != 0
    assert f"{told}: expected" in done.stderr


def paths(node: object, under: str = "") -> set[str]:
    """Return the path of every value that is no mapping, or an empty one."""
    if isinstance(node, dict) and node:
        return {found for key, child in node.items() for found in paths(child, f"{under}.{key}")}
    return {under}


def test_every_value_has_a_schema_a_default_and_a_use() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = {path.split(".")[1] for path in paths(values)}
    assert set(schema["properties"]) - {"global"} == defaults
    used = "\n".join(path.read_text() for path in (CHART / "templates").iterdir())
    as_they_are = {"requests", "limits", "rollingUpdate", "dashboardLabels"}
    unused = [path for path in paths(values) if path.split(".")[-1] not in used]
    assert [path for path in unused if path.split(".")[-2] not in as_they_are] == []


def test_notes_say_what_is_served_and_how_to_call_it() -> None:
    done = helm("install", RELEASE, str(CHART), "--dry-run=client", *REGISTRY, "--namespace=here")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert "efficientnet_lite0, efficientnet_lite1" in notes
    assert f"http://{RELEASE}.here:8000" in notes


def test_two_releases_share_nothing() -> None:
    one_release, other = rendered(*CPU, release="a"), rendered(*CPU, release="b")
    names = [{(each["kind"], each["metadata"]["name"]) for each in release} for release in (one_release, other)]
    assert not names[0] & names[1]
    (deployment,) = (each for each in one_release if each["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    services = [each for each in other if each["kind"] == "Service"]
    assert services
    assert not [each for each in services if each["spec"]["selector"].items() <= labels.items()]


# Updates


def test_nothing_that_cannot_be_changed_is_in_the_way_of_an_update() -> None:
    changed = ("--set=image.tag=other,profile=tensorrt,podLabels.new=label", *GPU)
    assert not {"Job", "StatefulSet", "PersistentVolumeClaim"} & {each["kind"] for each in rendered()}
    selectors = [one(options, "Deployment")["spec"]["selector"] for options in ((), changed)]
    assert selectors[0] == selectors[1]


@ALL
def test_a_server_is_told_to_end_after_the_proxies_and_killed_after_its_last_answer(options: tuple[str, ...]) -> None:
    assert one(options, "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pause_s = server(options)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause_s > 0
    assert pod(options)["terminationGracePeriodSeconds"] > pause_s + EXIT_TIMEOUT_S


@ALL
def test_a_server_has_started_when_the_models_that_it_loads_answer(options: tuple[str, ...]) -> None:
    container = server(options)
    loaded = [flag.partition("=")[2] for flag in container["args"] if flag.startswith("--load-model=")]
    assert loaded
    assert all((ENSEMBLES / name / "config.pbtxt").exists() for name in loaded)
    for probe in (container["startupProbe"], container["livenessProbe"]):
        program, timeout, option, *asked = probe["exec"]["command"]
        assert (program, option, asked) == ("/opt/cronnx/healthcheck", "--models", loaded)
        assert float(timeout.removeprefix("--timeout-s=")) < probe["timeoutSeconds"] <= probe["periodSeconds"] * 2


def test_a_server_is_out_of_use_long_before_it_is_started_anew() -> None:
    ready, live = server(())["readinessProbe"], server(())["livenessProbe"]
    assert ready["httpGet"]["path"] == "/v2/health/ready"
    assert live["failureThreshold"] * live["periodSeconds"] >= 4 * ready["failureThreshold"] * ready["periodSeconds"]


@ALL
def test_a_rollout_waits_longer_than_a_start_takes(options: tuple[str, ...]) -> None:
    probe = server(options)["startupProbe"]
    started_s = probe["failureThreshold"] * probe["periodSeconds"]
    assert 300 <= started_s < one(options, "Deployment")["spec"]["progressDeadlineSeconds"]


def test_callers_by_grpc_connect_anew_within_minutes() -> None:
    (age_ms,) = (flag.partition("=")[2] for flag in server(())["args"] if "max-connection-age=" in flag)
    assert 60_000 <= int(age_ms) <= 600_000


# Rights


@ALL
def test_everything_is_in_the_namespace_of_the_release(options: tuple[str, ...]) -> None:
    assert {each["metadata"]["namespace"] for each in rendered(*options)} == {RELEASE}


@ALL
def test_no_container_may_do_more_than_it_needs(options: tuple[str, ...]) -> None:
    for container in pod(options)["containers"]:
        allowed = {**pod(options)["securityContext"], **container["securityContext"]}
        assert allowed["runAsNonRoot"]
        assert allowed["runAsUser"] == 1000
        assert allowed["seccompProfile"] == {"type": "RuntimeDefault"}
        assert allowed["readOnlyRootFilesystem"]
        assert allowed["allowPrivilegeEscalation"] is False
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


@ALL
def test_no_pod_gets_a_token_of_the_cluster(options: tuple[str, ...]) -> None:
    assert pod(options)["automountServiceAccountToken"] is False
    assert one(options, "ServiceAccount")["automountServiceAccountToken"] is False


@ALL
def test_a_server_writes_nowhere_but_in_volumes_of_its_own_and_engines(options: tuple[str, ...]) -> None:
    writable = {mount["name"] for mount in server(options)["volumeMounts"] if not mount.get("readOnly")}
    own = {name for name, volume in volumes(options).items() if "emptyDir" in volume}
    assert writable <= own | {"engines"}
    assert {"/dev/shm", "/tmp", "/run/secrets/cronnx/key"} <= set(mounts(options))  # noqa: S108 - a container's


@ALL
def test_shared_memory_is_memory_and_fits_the_containers_limit(options: tuple[str, ...]) -> None:
    shm = volumes(options)["shm"]["emptyDir"]
    assert shm["medium"] == "Memory"
    limit = server(options)["resources"]["limits"]["memory"]
    assert 2 * int(shm["sizeLimit"].removesuffix("Gi")) <= int(limit.removesuffix("Gi"))


@ALL
def test_a_pod_is_of_class_guaranteed_so_that_it_may_own_its_cores(options: tuple[str, ...]) -> None:
    for container in pod(options)["containers"]:
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["limits"])
        assert resources["requests"] == resources["limits"], container["name"]
    assert float(server(options)["resources"]["limits"]["cpu"]).is_integer()


@ALL
def test_a_changed_key_does_not_reach_the_probes_of_a_server_that_was_started_with_another(
    options: tuple[str, ...],
) -> None:
    for container in pod(options)["containers"]:
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "key")
        assert mount["subPath"] == "key"
        assert {"name": "CRONNX_KEY_FILE", "value": mount["mountPath"]} in container["env"]


@ALL
def test_every_selector_finds_the_servers(options: tuple[str, ...]) -> None:
    labels = one(options, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selector = one(options, "Deployment")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= labels.items()
    for name in (RELEASE, f"{RELEASE}-pods"):
        assert one(options, "Service", name)["spec"]["selector"] == selector
    assert one(options, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == selector
    assert one(options, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == selector
    spread = pod(options)["topologySpreadConstraints"]
    assert all(each["labelSelector"]["matchLabels"] == selector for each in spread)


def test_each_server_is_scraped_once() -> None:
    selector = one(CPU, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    services = [each for each in rendered(*CPU) if each["kind"] == "Service"]
    found = [each["metadata"]["name"] for each in services if selector.items() <= each["metadata"]["labels"].items()]
    assert found == [RELEASE]


def test_every_port_leads_to_a_container() -> None:
    opened = {port["name"]: port["containerPort"] for each in pod(CPU)["containers"] for port in each.get("ports", ())}
    services = {name: one(CPU, "Service", name)["spec"]["ports"] for name in (RELEASE, f"{RELEASE}-pods")}
    for port in (port for ports in services.values() for port in ports):
        assert opened[port["targetPort"]] == port["port"]
    scraped = {each["port"] for each in one(CPU, "ServiceMonitor")["spec"]["endpoints"]}
    assert scraped <= {port["name"] for port in services[RELEASE]}
    rules = one(CPU, "NetworkPolicy")["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == set(opened.values())


def test_the_namespaces_that_reach_a_server_are_values() -> None:
    calls, metrics = one(SETUPS["placed"], "NetworkPolicy")["spec"]["ingress"]
    named = "kubernetes.io/metadata.name"
    assert calls["from"] == [{"podSelector": {}}, {"namespaceSelector": {"matchLabels": {named: "web"}}}]
    assert metrics["from"] == [{"namespaceSelector": {"matchLabels": {named: "prometheus"}}}]


@ALL
def test_an_image_has_a_registry_and_a_version_and_is_of_the_current_triton(options: tuple[str, ...]) -> None:
    images = [each["image"] for each in pod(options)["containers"]]
    assert all(re.fullmatch(r"[\w.]+/cronnx(-tools)?(:[\w-]+|@sha256:\w{64})", each) for each in images)
    assert not [each for each in images if "cpu" in each]


# Models


def test_models_come_from_the_image_by_default() -> None:
    assert not [flag for flag in server(())["args"] if "model-repository" in flag]
    assert not [path for path in mounts(()) if path.startswith("/models")]


def test_a_volume_takes_the_place_of_the_images_models() -> None:
    options = SETUPS["volume"]
    claim = volumes(options)[mounts(options)["/models"]]["persistentVolumeClaim"]
    assert claim == {"claimName": "models-2", "readOnly": True}
    assert not [flag for flag in server(options)["args"] if "model-repository" in flag]


@pytest.mark.parametrize("setup", ["s3", "gs", "identity"])
def test_a_bucket_takes_the_place_of_the_images_models(setup: str) -> None:
    options = SETUPS[setup]
    repositories = [flag.partition("=")[2] for flag in server(options)["args"] if "model-repository" in flag]
    folder = rendered_bucket(options)
    assert repositories == [f"{folder}/model_repository", f"{folder}/ensembles"]
    images = {flag.partition("=")[2] for flag in containers.image_list("ENTRYPOINT") if "model-repository" in flag}
    hidden = {path for path, name in mounts(options).items() if volumes(options)[name].get("emptyDir") == {}}
    assert hidden == images
    assert volumes(options)["tmp"]["emptyDir"]["sizeLimit"] == "4Gi"


def rendered_bucket(options: tuple[str, ...]) -> str:
    (bucket,) = (re.findall(r"models\.bucket=([^,]+?)/?(?:,|$)", each) for each in options)
    return str(bucket[0])


def test_a_buckets_credentials_come_from_a_secret_or_from_the_pods_identity() -> None:
    assert server(SETUPS["s3"])["envFrom"] == [{"secretRef": {"name": "bucket"}}]
    (key,) = (each["value"] for each in server(SETUPS["gs"])["env"] if each["name"].startswith("GOOGLE"))
    folder, _, file = key.rpartition("/")
    assert (volumes(SETUPS["gs"])[mounts(SETUPS["gs"])[folder]]["secret"]["secretName"], file) == (
        "bucket",
        "credentials.json",
    )
    assert "envFrom" not in server(SETUPS["gs"])
    assert "envFrom" not in server(SETUPS["identity"])


def egress(options: tuple[str, ...]) -> set[tuple[str, int]]:
    """Return where servers may connect to: addresses and ports."""
    return {
        (peer["ipBlock"]["cidr"] if peer else "", port["port"])
        for rule in one(options, "NetworkPolicy")["spec"].get("egress", ())
        for peer in rule.get("to", [{}])
        for port in rule["ports"]
    }


def test_servers_connect_to_nothing_but_the_bucket_and_what_gives_them_their_identity() -> None:
    assert one((), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert egress(()) == egress(SETUPS["volume"]) == set()
    assert egress(SETUPS["s3"]) == egress(SETUPS["gs"]) == {("", 53), ("", 443)}
    assert egress(SETUPS["identity"]) >= {("", 443), ("169.254.169.254/32", 80)}
    assert egress(SETUPS["placed"]) == {("", 4318)}


# GPUs


def test_a_gpu_is_asked_for_by_the_name_that_the_device_plugin_gives_it() -> None:
    asked = {
        name: {key: value for key, value in server(SETUPS[name])["resources"]["limits"].items() if "nvidia" in key}
        for name in ("cpu", "gpu", "placed")
    }
    assert asked == {"cpu": {}, "gpu": {"nvidia.com/gpu": "1"}, "placed": {"nvidia.com/mig-1g.10gb": "1"}}
    for name in ("gpu", "placed"):
        resources = server(SETUPS[name])["resources"]
        assert resources["requests"] == resources["limits"]


def test_servers_with_a_gpu_use_a_profile_that_needs_it() -> None:
    assert "--model-config-name=cuda" in server(SETUPS["gpu"])["args"]
    assert not [flag for flag in server(CPU)["args"] if "model-config-name" in flag]


def test_tensorrt_has_a_place_for_its_engines_that_pods_may_share_and_time_to_build_them() -> None:
    options = SETUPS["tensorrt"]
    assert "--model-config-name=tensorrt" in server(options)["args"]
    folder = "/var/lib/triton/.triton/tensorrt"
    assert volumes(options)[mounts(options)[folder]]["persistentVolumeClaim"] == {"claimName": "engines"}
    assert "emptyDir" in volumes(SETUPS["gpu"])[mounts(SETUPS["gpu"])[folder]]
    probe = server(options)["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] > 600


# Routes


def test_routes_lead_from_their_listener_to_their_protocols_port() -> None:
    listeners = {each["name"]: each for each in one(CPU, "Gateway")["spec"]["listeners"]}
    ports = {port["port"]: port["name"] for port in one(CPU, "Service")["spec"]["ports"]}
    for kind in ("HTTPRoute", "GRPCRoute"):
        route = one(CPU, kind)["spec"]
        (parent,) = route["parentRefs"]
        listener = listeners[parent["sectionName"]]
        assert listener["allowedRoutes"]["kinds"] == [{"kind": kind}]
        assert [listener["hostname"]] == route["hostnames"]
        assert {ports[each["port"]] for rule in route["rules"] for each in rule["backendRefs"]} == {listener["name"]}


def test_no_grpc_route_leads_to_a_call_that_changes_a_server() -> None:
    from tritonclient.grpc.service_pb2 import DESCRIPTOR

    methods = {each.name for each in DESCRIPTOR.services_by_name["GRPCInferenceService"].methods}
    routed = {each["method"]["method"] for each in one(CPU, "GRPCRoute")["spec"]["rules"][0]["matches"]}
    assert routed <= methods
    assert not [name for name in routed if re.search("Repository|SharedMemory|Trace|Log", name)]


def is_routed(path: str) -> bool:
    matches = [match["path"] for rule in one(CPU, "HTTPRoute")["spec"]["rules"] for match in rule["matches"]]
    return any(
        path == each["value"] if each["type"] == "Exact" else re.fullmatch(each["value"], path) for each in matches
    )


MODEL = "/v2/models/efficientnet_lite0"


@pytest.mark.parametrize("call", ["", "/infer", "/generate", "/generate_stream", "/ready", "/config", "/stats"])
def test_callers_reach_inference_and_what_describes_a_model(call: str) -> None:
    assert is_routed(f"{MODEL}{call}")
    assert is_routed(f"{MODEL}/versions/2{call}")


@pytest.mark.parametrize("path", ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats"])
def test_callers_reach_what_describes_a_server(path: str) -> None:
    assert is_routed(path)


@pytest.mark.parametrize(
    "path",
    [
        f"{MODEL}/trace/setting",
        f"{MODEL}/versions/1/trace/setting",
        f"{MODEL}%2Ftrace%2Fsetting",
        f"{MODEL}/infer/../trace/setting",
        "/v2/models/../repository/index",
        "/v2/trace/setting",
        "/v2/logging",
        "/v2/repository/index",
        "/v2/repository/models/x/load",
        "/v2/systemsharedmemory/status",
        "/v2/cudasharedmemory/region/x/register",
        "/metrics",
        "/",
    ],
)
def test_no_http_route_leads_to_a_call_that_changes_or_watches_a_server(path: str) -> None:
    assert not is_routed(path)


def removed(rule: dict[str, Any]) -> set[str]:
    return {name for each in rule["filters"] for name in each["requestHeaderModifier"]["remove"]}


def test_routes_remove_the_headers_that_crash_triton() -> None:
    binary, others = one(CPU, "HTTPRoute")["spec"]["rules"]
    (header,) = (header for match in binary["matches"] for header in match["headers"])
    lengths = ["10", "1000000", "x", "-1", "99999999999", "2, 2"]
    assert [each for each in lengths if re.fullmatch(header["value"], each)] == ["10", "1000000"]
    assert removed(binary) == {"Content-Type", "Content-Encoding"}
    assert removed(others) == {"Content-Type", "Content-Encoding", header["name"]}
    (grpc,) = one(CPU, "GRPCRoute")["spec"]["rules"]
    assert removed(grpc) == {"grpc-encoding"}


# Monitoring


def rules(options: tuple[str, ...]) -> dict[str, Any]:
    found = {each["metadata"]["name"]: each["spec"] for each in rendered(*options) if each["kind"] == "PrometheusRule"}
    return {name.removeprefix(f"{RELEASE}-"): spec for name, spec in found.items()}


def test_rules_and_dashboard_are_the_files_that_compose_mounts() -> None:
    folder = CHART / "files"
    assert rules(CPU) == {
        name: yaml.safe_load((folder / "rules" / f"{name}.yml").read_text()) for name in ("series", "alerts")
    }
    assert {path.stem for path in (folder / "rules").iterdir()} == set(rules(CPU))
    dashboard = one(CPU, "ConfigMap", f"{RELEASE}-dashboard")
    (text,) = dashboard["data"].values()
    assert json.loads(text) == json.loads((folder / "dashboards" / "triton_models.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_a_missing_gpu_is_an_alert_of_the_release_that_has_gpus() -> None:
    (alert,) = rules(SETUPS["gpu"])["gpu"]["groups"][0]["rules"]
    (original,) = yaml.safe_load((CHART / "files" / "gpu_alerts.yml").read_text())["groups"][0]["rules"]
    where = f'{{job="triton",namespace="{RELEASE}",service="{RELEASE}"}}'
    assert alert == {**original, "expr": original["expr"].replace('{job="triton"}', where)}
    others = (*SETUPS["gpu"], "--set=monitoring.rules=false,monitoring.dashboard=false")
    assert set(rules(others)) == {"gpu"}


def test_prometheus_has_the_jobs_that_the_rules_distinguish() -> None:
    endpoints = one(CPU, "ServiceMonitor")["spec"]["endpoints"]
    assert {each["port"]: each["relabelings"] for each in endpoints} == {
        "metrics": [{"targetLabel": "job", "replacement": "triton"}],
        "exporter": [{"targetLabel": "job", "replacement": "exporter"}],
    }


def test_prometheus_selects_monitors_and_rules_by_labels_that_are_values() -> None:
    labelled = rendered(*CPU, "--set=monitoring.labels.release=stack")
    found = {each["kind"] for each in labelled if each["metadata"].get("labels", {}).get("release") == "stack"}
    assert found == {"ServiceMonitor", "PrometheusRule"}
