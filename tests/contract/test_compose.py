"""The compose file, as far as it can be judged without Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cronnx_server.paths import ROOT
from tests import containers

FILE: Mapping[str, Any] = containers.compose({})
SERVICES: Mapping[str, Mapping[str, Any]] = FILE["services"]
SERVERS = [name for name, service in SERVICES.items() if str(service["image"]).startswith("cronnx:")]

LIMITS = ("maxconn", "tune.bufsize")
VERSIONED = r"[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?"

every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.parametrize("values", [{}, containers.settings()], ids=["plain", "with .env"])
def test_it_follows_the_compose_specification(values: dict[str, str], tmp_path: Path) -> None:
    """Validate by the specification's JSON schema, which check-jsonschema includes."""
    file = tmp_path / "docker-compose.yml"
    file.write_text(yaml.safe_dump(containers.compose(values)))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_docker_compose_accepts_it() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("`docker compose` is not installed; the test above judges the file by the schema")
    command = [docker, "compose", "--profile", "*", "--env-file", str(containers.SETTINGS), "config", "--quiet"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_plain_up_starts_a_server_on_the_cpu_and_nothing_else() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["triton"]
    assert "RUNTIME" not in SERVICES["triton"]["build"]["args"]


def test_there_is_a_profile_for_everything_else() -> None:
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}
    assert profiles == {"gpu", "redis", "replicas", "observe", "load"}


@every_service
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["restart"] == ("no" if name == "loadtest" else "unless-stopped")


@every_service
def test_an_image_is_ours_or_has_a_version(name: str) -> None:
    service = SERVICES[name]
    assert "build" in service or re.fullmatch(VERSIONED, service["image"]), service["image"]


@every_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@every_service
def test_mounted_paths_exist_and_the_projects_are_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, _, mode = (*volume.split(":"), "rw")[:3]
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert mode == "ro"
        else:
            assert source in FILE["volumes"]


@every_service
def test_a_service_waits_until_its_dependencies_are_healthy(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        tells = other in SERVERS or "healthcheck" in SERVICES[other]
        assert wait["condition"] == ("service_healthy" if tells else "service_started")


def test_no_two_services_want_the_same_port() -> None:
    ports = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_has_room_for_tensors_time_to_finish_and_a_key(name: str) -> None:
    service = SERVICES[name]
    (timeout_s,) = (flag.partition("=")[2] for flag in containers.image_list("ENTRYPOINT") if "exit-timeout" in flag)
    assert service["shm_size"] == "1g"
    assert int(service["stop_grace_period"].removesuffix("s")) > int(timeout_s)
    assert service["secrets"] == ["key"]
    assert service["environment"]["CRONNX_KEY_FILE"] == "/run/secrets/key"


def test_every_setting_that_is_proposed_is_one_that_is_read() -> None:
    read = {name for name, _ in re.findall(r"\$\{(\w+)(:-[^}]*)?\}", containers.COMPOSE.read_text())}
    assert set(containers.settings()) - {"COMPOSE_PROFILES"} <= read


def test_prometheus_takes_its_configuration_with_the_rules_that_are_mounted_beside_it(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    shutil.copytree(ROOT / "deploy" / "helm" / "files" / "rules", tmp_path / "rules")
    config = shutil.copy(ROOT / "deploy" / "compose" / "prometheus.yml", tmp_path)
    ended = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 rule files found" in ended.stdout


def test_prometheus_has_the_jobs_that_the_rules_distinguish() -> None:
    def jobs(path: str) -> set[str]:
        return {job["job_name"] for job in yaml.safe_load((ROOT / path).read_text())["scrape_configs"]}

    assert jobs("deploy/compose/prometheus.yml") == jobs("deploy/prometheus/prometheus.yml")


def found(job: str) -> list[str]:
    """Return the names of the services that Prometheus asks in a job."""
    jobs = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())["scrape_configs"]
    (each,) = (each for each in jobs if each["job_name"] == job)
    names: list[str] = each["dns_sd_configs"][0]["names"]
    return names


def test_prometheus_finds_every_server_and_an_exporter_for_each() -> None:
    assert found("triton") == SERVERS
    exporters = {name: SERVICES[name] for name in found("exporter")}
    urls = {each["command"][1] for each in exporters.values()}
    assert urls == {f"--url=http://{name}:8000" for name in SERVERS}
    for name in exporters:
        (server,) = SERVICES[name]["depends_on"]
        assert f"--url=http://{server}:8000" in SERVICES[name]["command"]
        assert SERVICES[name]["profiles"] == SERVICES[server].get("profiles", ["observe"])


def test_the_proxy_has_memory_for_two_buffers_of_each_connection() -> None:
    text = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    connections, buffer_bytes = (int(re.findall(rf"^ +{name} (\d+)$", text, re.MULTILINE)[0]) for name in LIMITS)
    (limit,) = re.findall(r"^(\d+)m$", SERVICES["haproxy"]["mem_limit"])
    assert int(limit) * 2**20 > 2 * connections * buffer_bytes + 100 * 2**20


def test_the_proxy_looks_names_up_again() -> None:
    assert SERVICES["haproxy"]["environment"]["HAPROXY_DNS"] == "127.0.0.11:53"
