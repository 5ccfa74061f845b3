from __future__ import annotations

import argparse
import json
from dataclasses import replace

import pytest

from cronnx_lab.loadtest import options
from cronnx_lab.loadtest.recording import Latencies, ModelResult
from cronnx_lab.loadtest.thresholds import Thresholds, judge

GIVEN = [
    *("--models", "a", "b", "--images=c", "--max-error-rate=0.5", "--max-p99-ms=900.0"),
    *("--max-p95-ratio=2.0", "--min-throughput=0.0"),
]


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_options(parser)
    return parser.parse_args(arguments)


def test_the_next_parser_is_given_what_the_first_was() -> None:
    assert options.arguments(parsed(*GIVEN)) == GIVEN


def test_locust_can_send_every_option_to_its_workers() -> None:
    for arguments in ([], GIVEN):
        given = vars(parsed(*arguments))
        assert json.loads(json.dumps(given)) == given


def test_latencies_may_be_longer_where_more_users_ask() -> None:
    limits = [options.thresholds(parsed(), users=users) for users in (1, 8)]
    assert [(each.max_p95_ratio, each.max_p99_ratio) for each in limits] == [(2, 3), (16, 24)]


def test_a_limit_that_is_given_is_the_limit() -> None:
    found = options.thresholds(parsed(*GIVEN), users=8)
    assert found == Thresholds(
        max_error_rate=0.5, max_p99_ms=900, max_p95_ratio=2.0, max_p99_ratio=24, min_throughput=0.0
    )


def latencies(*latencies_ms: float) -> ModelResult:
    return ModelResult(0, {"toy/1": Latencies.of(latencies_ms)})


HEALTHY = latencies(*[60.0] * 1000, *[110.0] * 300, 150.0)


@pytest.mark.parametrize(
    ("server", "one_user_ms", "missed"),
    [
        (HEALTHY, 12.0, []),
        (replace(HEALTHY, failures=1), 12.0, ["failed"]),
        (latencies(*[1100.0] * 80), 1100.0, ["p99_ms"]),
        (latencies(*[60.0] * 1280, *[900.0] * 20), 12.0, ["p99_ratio"]),
        (latencies(*[250.0] * 320), 12.0, ["p95_ratio", "throughput"]),
        (ModelResult(failures=1300), 12.0, ["failed", "throughput"]),
    ],
    ids=["healthy", "fails", "is slow for one user too", "stalls", "is slower under load", "is gone"],
)
def test_the_default_limits_tell_a_bad_server(server: ModelResult, one_user_ms: float, missed: list[str]) -> None:
    """What eight users see in ten seconds."""
    limits = options.thresholds(parsed(), users=8)
    verdicts = judge({"toy": server}, {"toy": Latencies.of([one_user_ms])}, duration_s=10, thresholds=limits)
    assert [each.name for each in verdicts if not each.holds] == missed
