"""Prometheus' series of a server compared with the requests that were sent, and alerts that fire and stop."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cronnx import Client, CronnxError, InvalidInput
from cronnx_server.exporter.metrics import BATCH_SIZE_BUCKETS
from cronnx_server.paths import ROOT
from tests.server.monitored import AB, BROKEN, FRAGILE, ROUTER, SLOW, Monitored, monitored
from tests.server.polling import until
from tests.server.prometheus import quick
from tests.server.toy import CLASSIFIER, ENSEMBLE

FILES = ROOT / "deploy" / "helm" / "files"
DASHBOARD = json.loads((FILES / "dashboards" / "triton_models.json").read_text())
# NoServers needs a Prometheus whose configuration names no server; promtool tests it.
ALERTS = [
    name for name in re.findall(r"alert: (\w+)", (FILES / "rules" / "alerts.yml").read_text()) if name != "NoServers"
]
# Labels that only Kubernetes gives.
IN_PODS = ("datasource", "namespace", "pod")
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["name"] not in IN_PODS]

BATCHES = (1, 1, 1, 2, 3, 5, 16, 17, 64)
REFUSED, REPEATED, SPLIT = 7, 4, 25
SLEEPS_S = [0.005] * 91 + [0.05] * 6 + [0.15] * 3


@dataclass(frozen=True)
class Sent:
    """A server after the test's requests, and how long the requests to `slow` took for their caller."""

    watched: Monitored
    durations_s: Sequence[float]

    def value(self, expression: str) -> float:
        return self.watched.prometheus.value(expression)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with monitored(tmp_path_factory.mktemp("monitored")) as everything:
        yield everything


@pytest.fixture(scope="module")
def sent(watched: Monitored) -> Sent:
    watched.prometheus.settle()  # a rate needs a sample of a counter before it grows
    with Client(watched.triton.addresses.grpc) as client:
        for number, rows in enumerate(BATCHES):
            ask(client, ENSEMBLE, [b"%d of batch %d" % (row, number) for row in range(rows)])
        for number in range(REFUSED):
            refuse(client, b"\xff%d" % number)
        for _ in range(REPEATED):
            ask(client, ENSEMBLE, [b"0 of batch 0"])
        for number in range(SPLIT):
            ask(client, AB, [b"%d" % number])
        durations_s = [sleep(client, SLOW, seconds) for seconds in SLEEPS_S]
    # Triton counts after it has answered.
    until(lambda: statistics_of(watched, SLOW).total() == len(SLEEPS_S), what="the last request is counted")
    watched.prometheus.settle()
    return Sent(watched, durations_s)


def ask(client: Client, model_name: str, images: Sequence[bytes]) -> None:
    client.infer(model_name, {"image": np.array(images, dtype=object).reshape(-1, 1)})


def refuse(client: Client, image: bytes) -> None:
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        ask(client, ENSEMBLE, [image])


def sleep(client: Client, model_name: str, seconds: float) -> float:
    """Make a model sleep and return how long the call took."""
    started = time.perf_counter()
    client.infer(model_name, {"seconds": np.array([seconds], dtype=np.float32)})
    return time.perf_counter() - started


# The series


def test_every_request_is_counted_once_answered_or_not(sent: Sent) -> None:
    received = sent.watched.prometheus.by("model", 'requests_received_total{version="1"}')
    assert received[ENSEMBLE] == len(BATCHES) + REFUSED + REPEATED
    assert received[CLASSIFIER] == len(BATCHES) + REFUSED + REPEATED
    assert received[AB] == received[ROUTER] == SPLIT
    assert received[SLOW] == len(SLEEPS_S)


def test_failures_are_counted_once_by_reason(sent: Sent) -> None:
    failed = sent.watched.prometheus.by("reason", f'requests_failed_total{{model="{ENSEMBLE}"}}')
    assert failed == {"OTHER": REFUSED, "BACKEND": 0, "REJECTED": 0, "CANCELED": 0}


def test_the_batches_are_those_of_tritons_statistics_in_the_bucket_of_their_size(sent: Sent) -> None:
    counts = statistics_of(sent.watched, CLASSIFIER)
    assert Counter(BATCHES) <= counts  # and the refused pictures, each in a batch of its own
    assert set(counts) == set(BATCHES)
    found = sent.watched.prometheus.by("le", f'batch_size_bucket{{model="{CLASSIFIER}",version="1"}}')
    for edge in BATCH_SIZE_BUCKETS:
        assert found[f"{float(edge)}"] == sum(n for size, n in counts.items() if size <= edge)
    assert found["+Inf"] == sent.value(f'batch_size_count{{model="{CLASSIFIER}",version="1"}}') == counts.total()
    rows = sum(size * n for size, n in counts.items())
    assert sent.value(f'batch_size_sum{{model="{CLASSIFIER}",version="1"}}') == rows


def statistics_of(watched: Monitored, model_name: str) -> Counter[int]:
    url = f"{watched.triton.addresses.http}/v2/models/{model_name}/versions/1/stats"
    with urllib.request.urlopen(url) as answer:
        (model,) = json.load(answer)["model_stats"]
    return Counter({each["batch_size"]: each["compute_infer"]["count"] for each in model["batch_stats"]})


@pytest.mark.parametrize(("quantile", "group"), [("0.5", range(91)), ("0.95", range(91, 97)), ("0.99", range(97, 100))])
def test_a_quantile_lies_between_what_the_model_slept_and_what_its_caller_saw(
    sent: Sent, quantile: str, group: range
) -> None:
    latency_s = sent.value(f'request_latency_seconds{{model="{SLOW}",quantile="{quantile}"}}')
    assert sorted(SLEEPS_S)[group.start] <= latency_s <= sorted(sent.durations_s)[group.stop - 1]


def test_the_latencies_add_up_and_are_as_many_as_the_answers(sent: Sent) -> None:
    assert sent.value(f'request_latency_seconds_count{{model="{SLOW}"}}') == len(SLEEPS_S)
    total_s = sent.value(f'request_latency_seconds_sum{{model="{SLOW}"}}')
    assert sum(SLEEPS_S) <= total_s <= sum(sent.durations_s)


def test_answers_of_the_cache_are_counted(sent: Sent) -> None:
    assert sent.value(f'nv_cache_num_hits_per_model{{model="{CLASSIFIER}",version="1"}}') == REPEATED


def test_the_arms_of_an_ab_test_are_counted(sent: Sent) -> None:
    arms = sent.watched.prometheus.by("version", f'cronnx_router_images_total{{router="{ROUTER}",model="echo"}}')
    assert set(arms) == {"1", "2"}
    assert sum(arms.values()) == SPLIT


def test_every_model_that_is_loaded_is_ready_and_the_steps_of_ensembles_are_known(sent: Sent) -> None:
    ready = sent.watched.prometheus.by("model", "min by (model) (model_ready)")
    assert ready == dict.fromkeys((ENSEMBLE, CLASSIFIER, AB, ROUTER, "echo", SLOW, FRAGILE), 1.0)
    assert sent.watched.prometheus.by("model", f'ensemble_step{{ensemble="{AB}"}}') == {ROUTER: 1.0}


# The dashboard


def targets() -> list[Any]:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    return [
        pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
        for panel in panels
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("expression", targets())
def test_every_query_of_the_dashboard_has_data(sent: Sent, expression: str) -> None:
    chosen = {"$namespace": ".*", "$pod": ".*", "$model": ".*", "$ensemble": AB, "$router": ROUTER}
    for variable, value in chosen.items():
        expression = expression.replace(variable, value)
    expression = re.sub(r"\[\$__rate_interval\]", "[10m]", expression)
    found = sent.watched.prometheus.query(expression)
    assert any(not np.isnan(value) for value in found.values())


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: str(variable["name"]))
def test_every_variable_of_the_dashboard_has_values(sent: Sent, variable: dict[str, Any]) -> None:
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert match
    series, label = match.groups()
    assert sent.watched.prometheus.by(label, f"group by ({label}) ({series})")


# The alerts


@pytest.fixture(scope="module")
def caused(sent: Sent) -> set[str]:
    """The alerts that the faults caused. It fails if one fires before the faults, or still after they are repaired."""
    watched, seen, fired = sent.watched, sent.watched.prometheus, set[str]()
    until(lambda: not seen.firing(), what="no alert fires before the faults")
    with Client(watched.triton.addresses.grpc) as client:
        break_down(watched, client)

        def all_fire() -> bool:
            mistreat(client)
            fired.update(seen.firing())
            return fired >= set(ALERTS) - {"ServerDown"}

        until(all_fire, what=f"all of {ALERTS} fire, not only {fired}")
        mend(watched, client)
        until(lambda: not seen.firing(), what="nothing fires any more")
    watched.triton.kill()
    until(lambda: "ServerDown" in seen.firing(), what="ServerDown")
    fired.add("ServerDown")
    watched.triton.start()
    watched.triton.wait_until_ready()
    until(lambda: not seen.firing(), what="nothing fires any more")
    return fired


def break_down(watched: Monitored, client: Client) -> None:
    (stub,) = watched.triton.stubs(f"{FRAGILE}_0_0")
    stub.kill()
    watched.gpu.memory_used = 0.99
    with pytest.raises(CronnxError, match="not today"):
        client.load(BROKEN)


def mistreat(client: Client) -> None:
    """Send three slow requests at once, one to a model whose process is dead, and one that is refused."""
    with ThreadPoolExecutor() as threads:
        for _ in range(3):
            threads.submit(sleep, client, SLOW, 1.1)
        with pytest.raises(CronnxError):
            sleep(client, FRAGILE, 0)
        refuse(client, os.urandom(8) + b"\xff")


def mend(watched: Monitored, client: Client) -> None:
    watched.gpu.memory_used = 0.5
    shutil.copy(watched.repository / SLOW / "1" / "model.py", watched.repository / BROKEN / "1")
    client.load(BROKEN)
    os.utime(watched.repository / FRAGILE / "config.pbtxt")
    client.load(FRAGILE)
    sleep(client, FRAGILE, 0)
    for _ in range(1000):  # makes less than one in a hundred requests of the last minute a slow one
        sleep(client, SLOW, 0)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_fires_when_it_is_caused_and_not_before_or_after(caused: set[str], name: str) -> None:
    assert name in caused


def test_shortened_rules_differ_only_in_times() -> None:
    assert quick("expr: rate(a[5m]) > 0.05\nfor: 5m\n") == "expr: rate(a[3s]) > 0.05\nfor: 250ms\n"
