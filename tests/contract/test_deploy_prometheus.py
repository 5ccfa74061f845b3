"""Prometheus' configuration and rules, checked by promtool; tests/server/test_metrics.py runs them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from cronnx_server.paths import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = ROOT / "deploy" / "helm" / "files"
TESTS = sorted(FOLDER.glob("tests*.yml"))


def promtool(*arguments: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    ended = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_configuration_and_the_rules_that_it_names_are_valid() -> None:
    promtool("check", "config", "prometheus.yml")


def test_the_rules_hold_with_the_times_that_they_have() -> None:
    promtool("test", "rules", *(path.name for path in TESTS))


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    text = "\n\n".join(path.read_text() for path in (RULES / "rules" / "alerts.yml", RULES / "gpu_alerts.yml"))
    alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", text, re.DOTALL)
    tested = "".join(path.read_text() for path in TESTS)
    assert alerts
    for name, rule in alerts:
        assert name in tested
        for field in ("severity: ", "summary: ", "action: "):
            assert field in rule
