"""Debian's `prometheus` with this project's configuration and rules, which are the project's but for their times."""

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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses

CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
LONG_S, POLL_S = 90.0, 0.1

Labels = frozenset[tuple[str, str]]


class Prometheus:
    """One that runs, and what it says."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[Labels, float]:
        """The value of each series now."""
        return {
            frozenset(each["metric"].items()): float(each["value"][1])
            for each in self.ask("/api/v1/query", query=expression)["result"]
        }

    def value(self, expression: str) -> float:
        """The value of the only series."""
        (value,) = self.query(expression).values()
        return value

    def by(self, label: str, expression: str) -> dict[str, float]:
        """The value of each series, by one of its labels."""
        return {dict(labels)[label]: value for labels, value in self.query(expression).items()}

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return set(self.by("alertname", 'count by (alertname) (ALERTS{alertstate="firing"})'))

    def settle(self) -> None:
        """Return when everything has been scraped anew, and every rule evaluated after that."""
        for expression in ("min(timestamp(up))", "min(timestamp(request_latency_seconds_count))"):
            now = time.time()
            until(lambda e=expression, t=now: any(seen > t for seen in self.query(e).values()), what=expression)


def until(condition: Callable[[], bool], *, what: object) -> None:
    """Return when it holds; fail where it does not for very long."""
    gives_up_at = time.monotonic() + LONG_S
    while not condition():
        if time.monotonic() > gives_up_at:
            pytest.fail(f"not within {LONG_S:g} s: {what}")
        time.sleep(POLL_S)  # nothing tells when


def quick(text: str) -> str:
    """A configuration, rules or a query of the project, its minutes and seconds made short."""
    text = re.sub(r"(scrape|evaluation)_interval: \w+", r"\1_interval: 500ms", text)
    text = re.sub(r"for: \d+m", "for: 500ms", text)
    return re.sub(r"\[(\d+m|\$__rate_interval)\]", "[4s]", text)


@contextlib.contextmanager
def scraping(targets: Mapping[str, str], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes other targets than those of the project's file, while this lasts.

    Args:
        targets: a list of targets in place of each one that the project's file names.
        folder: for what it keeps.
    """
    if shutil.which("prometheus") is None:
        pytest.skip("Debian's prometheus is not installed: apt-get install prometheus")
    config = quick(CONFIG.read_text())
    for target, instead in targets.items():
        config = config.replace(json.dumps([target]), instead)
    (folder / "rules").mkdir()
    (folder / CONFIG.name).write_text(config)
    for rules in (CONFIG.parent / "rules").glob("*.yml"):
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
