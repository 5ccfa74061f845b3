"""The OpenTelemetry collector's configuration, without a collector: no package index offers one."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from cronnx_server.paths import ROOT

CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "otel" / "collector.yaml").read_text())
PIPELINE = CONFIG["service"]["pipelines"]["traces"]
DOCUMENTATION = (ROOT / "docs" / "tracing.md").read_text()


@pytest.mark.parametrize("kind", ["receivers", "processors", "exporters"])
def test_the_pipeline_uses_exactly_what_is_configured(kind: str) -> None:
    assert set(PIPELINE[kind]) == set(CONFIG[kind])


def test_memory_is_limited_before_anything_is_kept() -> None:
    assert PIPELINE["processors"][0] == "memory_limiter"


def test_the_port_that_traces_are_sent_to_is_the_receivers() -> None:
    (port,) = set(re.findall(r"--trace-url http://[\w.]+:(\d+)/v1/traces", DOCUMENTATION))
    assert CONFIG["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(f":{port}")


def test_it_listens_on_loopback_by_default() -> None:
    for protocol in CONFIG["receivers"]["otlp"]["protocols"].values():
        assert protocol["endpoint"].startswith("${env:OTLP_ADDRESS:-127.0.0.1}:")


def test_every_variable_is_one_that_the_collector_reads() -> None:
    text = (ROOT / "deploy" / "otel" / "collector.yaml").read_text()
    assert text.count("$") == len(re.findall(r"\$\{env:[A-Z_]+(:-[\w.:]+)?\}", text))
