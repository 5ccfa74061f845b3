"""Debian's Prometheus with this project's configuration and rules, their times shortened."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses
from tests.server.polling import until

CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
RULES = ROOT / "deploy" / "helm" / "files" / "rules"

Labels = frozenset[tuple[str, str]]


class Prometheus:
    """Queries to a running Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _get(self, path: str, **parameters: str) -> Any:
        with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[Labels, float]:
        """Return the current value of each series."""
        return {
            frozenset(each["metric"].items()): float(each["value"][1])
            for each in self._get("/api/v1/query", query=expression)["result"]
        }

    def value(self, expression: str) -> float:
        """Return the current value of the only series."""
        (value,) = self.query(expression).values()
        return value

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Return the current value of each series, by one of its labels."""
        return {dict(labels)[label]: value for labels, value in self.query(expression).items()}

    def firing(self) -> set[str]:
        """Return the names of the firing alerts."""
        return set(self.by("alertname", 'count by (alertname) (ALERTS{alertstate="firing"})'))

    def settle(self) -> None:
        """Wait for a scrape of every target and for an evaluation of every rule after it."""
        for expression in ("min(timestamp(up))", "min(timestamp(request_latency_seconds_count))"):
            now = time.time()
            until(lambda e=expression, t=now: any(seen > t for seen in self.query(e).values()), what=expression)


def quick(text: str) -> str:
    """Shorten the intervals and ranges of a configuration, of rules or of a query."""
    text = re.sub(r"(scrape|evaluation)_interval: \w+", r"\1_interval: 250ms", text)
    text = re.sub(r"for: \d+m", "for: 250ms", text)
    return re.sub(r"\[(\d+[mh]|\$__rate_interval)\]", "[3s]", text)


@contextlib.contextmanager
def scraping(targets: Mapping[str, str], folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus for the duration of the block, with a test's targets in place of the project's.

    Args:
        targets: The JSON list of targets for each target that the project's file names.
        folder: An empty folder for its configuration and its data.
    """
    if shutil.which("prometheus") is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    config = quick(CONFIG.read_text()).replace("../helm/files/rules/", "rules/")
    for target, instead in targets.items():
        config = config.replace(json.dumps([target]), instead)
    (folder / "rules").mkdir()
    (folder / CONFIG.name).write_text(config)
    for rules in RULES.glob("*.yml"):
        (folder / "rules" / rules.name).write_text(quick(rules.read_text()))
    port = free_addresses().http_port
    command = [
        "prometheus",
        f"--config.file={folder / CONFIG.name}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _is_ready(url) or process.poll() is not None, what="prometheus is ready")
            assert process.poll() is None
            yield Prometheus(url)
        finally:
            process.terminate()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready") as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
