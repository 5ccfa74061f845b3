from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from cronnx_server.serve.log_events import events, json_lines

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def test_a_line_is_an_event_with_its_time_level_source_and_process() -> None:
    (event,) = events(['W0101 23:07:32.748002 14341 metrics.cc:798] "no DCGM"\n'], now=NOW)
    assert event == {
        "time": "2026-01-01T23:07:32.748002Z",
        "level": "WARNING",
        "message": "no DCGM",
        "source": "metrics.cc:798",
        "process": 14341,
    }


@pytest.mark.parametrize(
    ("letter", "level"), [("I", "INFO"), ("W", "WARNING"), ("E", "ERROR"), ("F", "FATAL"), ("V", "VERBOSE")]
)
def test_every_level_has_its_name(letter: str, level: str) -> None:
    (event,) = events([f'{letter}0101 00:00:00.000000 1 a.cc:1] "x"'], now=NOW)
    assert event["level"] == level


def test_a_log_of_december_is_of_last_year_in_january() -> None:
    (event,) = events(['I1231 23:59:59.000001 1 a.cc:1] "x"'], now=NOW)
    assert event["time"] == "2025-12-31T23:59:59.000001Z"


def test_line_ends_and_quotation_marks_of_a_message_are_its_own() -> None:
    (event,) = events([r'E0101 00:00:00.000000 1 model.py:48] "Traceback\n  File \"a\"\tb"'], now=NOW)
    assert event["message"] == 'Traceback\n  File "a"\tb'


def test_a_message_that_is_cut_is_told_as_it_came() -> None:
    (event,) = events(['I0101 00:00:00.000000 1 a.cc:1] "half \\x'], now=NOW)
    assert event["message"] == "half \\x"


def test_a_table_is_one_event() -> None:
    lines = ["I0101 00:00:00.000000 1 server.cc:674] \n", "+---+\n", "| a |\n", "+---+\n", "\n", "Signal (15)\n"]
    table, other = events(lines, now=NOW)
    assert table["message"] == "+---+\n| a |\n+---+"
    assert other["message"] == "Signal (15)"


@pytest.mark.parametrize("after", [[], ['I0101 00:00:00.000000 1 a.cc:1] "next"']])
def test_a_table_ends_with_the_log_or_with_the_next_event(after: list[str]) -> None:
    table, *others = events(["I0101 00:00:00.000000 1 a.cc:1]", "| a |", *after], now=NOW)
    assert table["message"] == "| a |"
    assert len(others) == len(after)


def test_what_is_not_tritons_is_an_event_without_a_source() -> None:
    (event,) = events(["terminate called after throwing an instance of 'std::bad_alloc'", "   "], now=NOW)
    assert event == {
        "time": "2026-01-02T00:00:00.000000Z",
        "level": "INFO",
        "message": "terminate called after throwing an instance of 'std::bad_alloc'",
    }


def test_a_request_is_named_where_the_message_names_it() -> None:
    named, unknown = events(
        [
            'V0101 00:00:00.000000 1 a.cc:1] "[request id: a-1] prepared"',
            'V0101 00:00:00.000000 1 a.cc:1] "[request id: <id_unknown>] prepared"',
        ],
        now=NOW,
    )
    assert named["request_id"] == "a-1"
    assert "request_id" not in unknown


def test_an_event_does_not_wait_for_the_next_line() -> None:
    def lines() -> Iterator[str]:
        yield 'I0101 00:00:00.000000 1 a.cc:1] "one"'
        pytest.fail("the next line was asked for")

    assert next(events(lines(), now=NOW))["message"] == "one"


def test_every_event_is_a_line_of_json() -> None:
    (line,) = json_lines([r'I0101 00:00:00.000000 1 a.cc:1] "two\nlines, ü"'])
    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines, ü"
