"""The targets for what callers see of an attack, and the tables."""

from __future__ import annotations

import pytest

from cronnx_lab.attack.rounds import Round, attacks_table, callers_table, verdicts
from cronnx_lab.faults.callers import Request

ANSWERED = Request(0.0, 0.5, None)
FAILED, SLOW = Request(0.0, 0.5, "NotReady"), Request(0.0, 6.0, None)


def attacked(*requests: Request, is_replicated: bool, recovered_s: float | None = 0.0) -> Round:
    return Round("target", is_replicated, 10.0, requests, recovered_s, {"form": {"400": 2, "hung up": 1}})


@pytest.mark.parametrize(
    ("requests", "is_replicated", "recovered_s", "missed"),
    [
        ([ANSWERED], True, 0.0, []),
        ([ANSWERED, FAILED], True, 0.0, ["failed"]),
        ([ANSWERED, SLOW], True, 0.0, ["slowest"]),
        ([ANSWERED], True, None, ["recovered"]),
        ([ANSWERED, FAILED, SLOW], False, 29.0, []),
        ([FAILED], False, 31.0, ["answered", "recovered"]),
    ],
)
def test_replicas_answer_everybody_and_a_single_server_recovers(
    requests: list[Request], is_replicated: bool, recovered_s: float | None, missed: list[str]
) -> None:
    found = verdicts([attacked(*requests, is_replicated=is_replicated, recovered_s=recovered_s)])
    assert [each.name for each in found if not each.holds] == missed


def test_the_tables_count_answers_failures_and_outcomes() -> None:
    both = [attacked(ANSWERED, FAILED, SLOW, is_replicated=True), attacked(ANSWERED, is_replicated=False)]
    assert callers_table(both).rows == [("target", "2", "1 NotReady", "6.0 s"), ("target", "1", "0", "0.5 s")]
    assert attacks_table(both).rows == [("form", "2 x 400, 1 x hung up", "2 x 400, 1 x hung up")]
