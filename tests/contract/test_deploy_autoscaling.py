"""The autoscaler's metrics, from Triton's counters to the adapter's answer, computed by promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cronnx_server.paths import ROOT
from tests.contract.kustomize import rendered

KUBERNETES = ROOT / "deploy" / "kubernetes"
RULES = {
    rule["name"]["as"]: rule
    for rule in yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
}
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
        series = series.replace(f"POD_{pod.upper()}", f'namespace="triton",pod="{pod}",instance="{pod}"')
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


def test_the_adapter_answers_with_the_longest_wait_of_each_pod_and_how_busy_its_gpus_are(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    tests = {
        "rule_files": [str(ROOT / "deploy" / "prometheus" / "rules" / "series.yml")],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": in_pods(series), "values": values} for series, values in SERIES.items()],
                "promql_expr_test": [
                    expected("request_queue_seconds", {"a": 0.03, "b": 0.0}),
                    expected("gpu_utilization", {"a": 0.7, "b": 0.0}),
                ],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_every_metric_of_the_autoscaler_is_one_that_the_adapter_has_of_the_servers_container(overlay: str) -> None:
    manifests = {each["kind"]: each for each in rendered(KUBERNETES / "overlays" / overlay)}
    metrics = manifests["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert {each["pods"]["metric"]["name"] for each in metrics if each["type"] == "Pods"} <= set(RULES)
    (cores,) = (each["containerResource"] for each in metrics if each["type"] == "ContainerResource")
    deployment = manifests["Deployment"]
    (server,) = (
        each for each in deployment["spec"]["template"]["spec"]["containers"] if each["name"] == cores["container"]
    )
    assert cores["name"] in server["resources"]["requests"]


def test_time_in_queues_alone_does_not_take_replicas_away() -> None:
    for overlay in ("cpu", "gpu"):
        (autoscaler,) = (
            each for each in rendered(KUBERNETES / "overlays" / overlay) if each["kind"] == "HorizontalPodAutoscaler"
        )
        assert len(autoscaler["spec"]["metrics"]) > 1


def test_a_metric_is_found_by_a_series_that_its_query_asks_for() -> None:
    for name, rule in RULES.items():
        series = rule["seriesQuery"].partition("{")[0]
        assert series in query(name)
        assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}
