"""The autoscalers' metrics, from Triton's counters to prometheus-adapter's and KEDA's answers, computed by promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cronnx_server.paths import ROOT
from tests.contract.helm import CHART, GPU, OPERATORS, RELEASE, rendered

RULES = {
    rule["name"]["as"]: rule
    for rule in yaml.safe_load((ROOT / "deploy" / "prometheus" / "adapter.yaml").read_text())["rules"]["custom"]
}
KEDA = (*OPERATORS, "--set=autoscaling.by=keda")
SERIES = {
    # Requests wait for 30 ms in one model of pod a and for 3 ms in another; pod b is idle.
    'nv_inference_queue_duration_us{model="slow",version="1",POD_A}': "0+1000000x40",
    'cronnx_preprocess_queue_duration_us{model="slow",version="1",POD_A}': "0+2000000x40",
    'nv_inference_request_success{model="slow",version="1",POD_A}': "0+100x40",
    'nv_inference_queue_duration_us{model="fast",version="1",POD_A}': "0+300000x40",
    'nv_inference_request_success{model="fast",version="1",POD_A}': "0+100x40",
    'nv_inference_queue_duration_us{model="slow",version="1",POD_B}': "5x40",
    'nv_inference_request_success{model="slow",version="1",POD_B}': "5x40",
    'nv_gpu_utilization{gpu_uuid="1",POD_A}': "0.5x40",
    'nv_gpu_utilization{gpu_uuid="2",POD_A}': "0.9x40",
    'nv_gpu_utilization{gpu_uuid="3",POD_B}': "0x40",
}


def in_pods(series: str) -> str:
    for pod in "ab":
        labels = f'namespace="{RELEASE}",service="{RELEASE}",pod="{pod}",instance="{pod}"'
        series = series.replace(f"POD_{pod.upper()}", labels)
    return series


def query(metric: str) -> str:
    """Return the adapter's query for two pods: docs/config.md of kubernetes-sigs/prometheus-adapter."""
    filled: str = RULES[metric]["metricsQuery"]
    filled = filled.replace("<<.LabelMatchers>>", 'namespace="triton",pod=~"a|b"').replace("<<.GroupBy>>", "pod")
    assert "<<" not in filled
    return filled


def expected(metric: str, values: dict[str, float]) -> dict[str, Any]:
    samples = [{"labels": f'{{pod="{pod}"}}', "value": value} for pod, value in values.items()]
    return {"expr": query(metric), "eval_time": "9m", "exp_samples": samples}


def scaled_by_keda() -> list[dict[str, str]]:
    """Return what KEDA asks Prometheus for: queue time, then GPUs."""
    (scaled,) = (each for each in rendered(*GPU, *KEDA) if each["kind"] == "ScaledObject")
    return [each["metadata"] for each in scaled["spec"]["triggers"] if each["type"] == "prometheus"]


def test_adapter_and_keda_get_the_longest_wait_of_each_pod_and_how_busy_its_gpus_are(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    queue, gpu = ({"expr": each["query"], "eval_time": "9m"} for each in scaled_by_keda())
    tests = {
        "rule_files": [str(CHART / "files" / "rules" / "series.yml")],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": in_pods(series), "values": values} for series, values in SERIES.items()],
                "promql_expr_test": [
                    expected("request_queue_seconds", {"a": 0.03, "b": 0.0}),
                    expected("gpu_utilization", {"a": 0.7, "b": 0.0}),
                    # The sum over pods: KEDA divides it by the number of replicas.
                    {**queue, "exp_samples": [{"labels": "{}", "value": 0.03}]},
                    {**gpu, "exp_samples": [{"labels": "{}", "value": 0.7}]},
                ],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def autoscaler(*options: str) -> dict[str, Any]:
    (found,) = (each for each in rendered(*options) if each["kind"] == "HorizontalPodAutoscaler")
    specification: dict[str, Any] = found["spec"]
    return specification


@pytest.mark.parametrize("machine", [(), GPU], ids=["cpu", "gpu"])
def test_every_metric_of_the_autoscaler_is_one_that_the_adapter_has_of_the_servers_container(
    machine: tuple[str, ...],
) -> None:
    metrics = autoscaler(*machine, *OPERATORS)["metrics"]
    asked = {each["pods"]["metric"]["name"] for each in metrics if each["type"] == "Pods"}
    assert asked == ({*RULES} if machine else {"request_queue_seconds"})
    (cores,) = (each["containerResource"] for each in metrics if each["type"] == "ContainerResource")
    (deployment,) = (each for each in rendered(*machine, *OPERATORS) if each["kind"] == "Deployment")
    (server,) = (
        each for each in deployment["spec"]["template"]["spec"]["containers"] if each["name"] == cores["container"]
    )
    assert cores["name"] in server["resources"]["requests"]


def test_both_autoscalers_want_the_same() -> None:
    queue, gpu = scaled_by_keda()
    wanted = {
        each["pods"]["metric"]["name"]: each["pods"]["target"]["averageValue"]
        for each in autoscaler(*GPU, *OPERATORS)["metrics"]
        if each["type"] == "Pods"
    }
    assert wanted == {
        "request_queue_seconds": f"{float(queue['threshold']) * 1000:g}m",
        "gpu_utilization": f"{float(gpu['threshold']) * 1000:g}m",
    }
    (scaled,) = (each["spec"] for each in rendered(*GPU, *KEDA) if each["kind"] == "ScaledObject")
    assert scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == autoscaler()["behavior"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (2, 8)


def test_keda_removes_no_replica_because_prometheus_has_no_data() -> None:
    assert {each["ignoreNullValues"] for each in scaled_by_keda()} == {"false"}


def test_time_in_queues_alone_does_not_take_replicas_away() -> None:
    assert "ContainerResource" in {each["type"] for each in autoscaler(*OPERATORS)["metrics"]}
    (scaled,) = (each["spec"] for each in rendered(*KEDA) if each["kind"] == "ScaledObject")
    assert {each["type"] for each in scaled["triggers"]} == {"cpu", "prometheus"}


def test_one_autoscaler_or_a_number_decides_how_many_replicas_there_are() -> None:
    setups = {by: rendered(*OPERATORS, f"--set=autoscaling.by={by}") for by in ("none", "cores", "adapter", "keda")}
    kinds = {
        by: [each["kind"] for each in manifests if each["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
        for by, manifests in setups.items()
    }
    hpa = ["HorizontalPodAutoscaler"]
    assert kinds == {"none": [], "cores": hpa, "adapter": hpa, "keda": ["ScaledObject"]}
    replicas = {
        by: each["spec"].get("replicas")
        for by, manifests in setups.items()
        for each in manifests
        if each["kind"] == "Deployment"
    }
    assert replicas == {"none": 2, "cores": None, "adapter": None, "keda": None}


def test_a_gpu_whose_use_cannot_be_measured_is_not_watched() -> None:
    shared = (*GPU, *OPERATORS, "--set=autoscaling.gpuPercent=0")
    names = [each["pods"]["metric"]["name"] for each in autoscaler(*shared)["metrics"] if each["type"] == "Pods"]
    assert names == ["request_queue_seconds"]


def test_a_metric_is_found_by_a_series_that_its_query_asks_for() -> None:
    for name, rule in RULES.items():
        series = rule["seriesQuery"].partition("{")[0]
        assert series in query(name)
        assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}
