from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cronnx import ModelStatistics
from cronnx.command_line._stats import rates
from tests.unit.cronnx.command_line.fake_server import FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


def reading(name: str = "net", version: str = "1", **counts: Any) -> ModelStatistics:
    fields = dict.fromkeys(ModelStatistics.__dataclass_fields__, 0)
    return ModelStatistics(**{**fields, "batch_sizes": {}, "name": name, "version": version, **counts})


BEFORE = reading(inference_count=100, execution_count=50, success_count=80, fail_count=1, queue_ns=1_000_000)
AFTER = reading(
    inference_count=180,
    execution_count=70,
    success_count=120,
    fail_count=5,
    queue_ns=5_000_000,
    compute_input_ns=40_000,
    compute_infer_ns=80_000_000,
    compute_output_ns=120_000,
)


@pytest.fixture(autouse=True)
def readings(server: FakeServer) -> None:
    server.readings = [[BEFORE, reading("idle")], [AFTER, reading("idle")]]


def test_one_interval_is_a_table(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "--interval", "0.001"]) == 0
    headings, idle, net = capsys.readouterr().out.splitlines()
    assert headings.split()[:3] == ["MODEL", "INFER/S", "FAIL/S"]
    assert idle.split() == ["idle/1", "0.0", "0.0", "-", "-", "-", "-", "-"]
    assert net.split()[3:] == ["4.00", "100", "1", "2000", "3"]


def test_json_is_one_document(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "--interval", "0.001", "--json", "--url", "http://a:1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (list(document), document["interval_s"]) == (["interval_s", "models", "errors"], 0.001)
    idle, net = document["models"]
    assert (idle["name"], idle["infer_us"]) == ("idle", None)
    assert (net["server"], net["average_batch"], net["infer_us"]) == ("http://a:1", 4, 2000)


def test_every_server_has_its_own_rates(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    server.readings = [[BEFORE], [BEFORE], [AFTER], [BEFORE]]
    named = ["--url", "http://a:1", "--url", "http://b:1"]
    assert cronnx(["stats", "--interval", "0.001", *named]) == 0
    headings, a, b = (line.split() for line in capsys.readouterr().out.splitlines())
    assert headings[:3] == ["SERVER", "MODEL", "INFER/S"]
    assert (a[:2], b[:2], b[2]) == (["http://a:1", "net/1"], ["http://b:1", "net/1"], "0.0")
    assert float(a[2]) > 0


def test_a_server_that_does_not_answer_is_reported_beside_the_rates_of_the_others(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.readings = [[BEFORE], [BEFORE], [AFTER]]  # the second server's second reading is missing
    assert cronnx(["stats", "--interval", "0.001", "--url", "http://a:1", "--url", "http://b:1"]) == 1
    output = capsys.readouterr()
    assert [line.split()[0] for line in output.out.splitlines()] == ["SERVER", "http://a:1"]
    assert output.err == "cronnx: http://b:1: nobody there\n"


def test_only_the_named_model_is_shown(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "net", "--interval", "0.001", "--once"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["MODEL", "net/1"]


def test_rates_are_of_the_interval_alone() -> None:
    (seen,) = rates([BEFORE], [AFTER], seconds=2)
    assert (seen.inferences_per_s, seen.executions_per_s, seen.failures_per_s) == (40, 10, 2)
    assert seen.average_batch == 4


def test_times_are_per_request_answered_in_microseconds() -> None:
    (seen,) = rates([BEFORE], [AFTER], seconds=2)
    assert (seen.queue_us, seen.input_us, seen.infer_us, seen.output_us) == (100, 1, 2000, 3)


def test_an_idle_model_has_rates_of_0_and_nothing_per_request() -> None:
    (seen,) = rates([AFTER], [AFTER], seconds=1)
    assert (seen.inferences_per_s, seen.failures_per_s) == (0, 0)
    assert (seen.average_batch, seen.queue_us, seen.infer_us) == (None, None, None)


def test_a_new_model_begins_at_0() -> None:
    (seen,) = rates([], [BEFORE], seconds=1)
    assert seen.inferences_per_s == 100


def test_a_reloaded_model_begins_at_0() -> None:
    (seen,) = rates([AFTER], [BEFORE], seconds=1)
    assert (seen.inferences_per_s, seen.queue_us) == (100, pytest.approx(12.5))


def test_models_are_in_order_and_unloaded_ones_are_left_out() -> None:
    after = [reading("b", "1"), reading("a", "2"), reading("a", "1")]
    assert [(each.name, each.version) for each in rates([reading("gone")], after, seconds=1)] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
    ]
