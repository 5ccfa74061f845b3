"""The lines of Triton's log as events, for JSON, which Triton 24.10 cannot write itself.

A line is `LMMDD HH:MM:SS.ffffff PROCESS FILE:LINE] "MESSAGE"` in UTC. L is the first letter of the level; line ends and
quotation marks in the message are escaped. A line without a message begins a table, which lasts until an empty line.
Any other line comes from a library or from a process that is crashing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone

_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "FATAL", "V": "VERBOSE"}
_LINE = re.compile(
    r"(?P<level>[IWEFV])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d{6}) (?P<process>\d+) (?P<source>\S+:\d+)\] ?(?P<message>.*)"
)
_REQUEST_ID = re.compile(r"\[request id: (?!<id_unknown>)(?P<id>[^\]]+)\]")

Event = dict[str, "str | int"]


def json_lines(lines: Iterable[str]) -> Iterator[str]:
    """Turn log lines into one JSON object for each event, as soon as the event is complete."""
    for event in events(lines):
        yield json.dumps(event, ensure_ascii=False)


def events(lines: Iterable[str], *, now: datetime | None = None) -> Iterator[Event]:
    """Read the events of a log.

    Args:
        lines: The lines of the log.
        now: The current time, for the year, which the log leaves out; None reads the clock.
    """
    table: Event | None = None
    for line in (each.rstrip("\r\n") for each in lines):
        match = _LINE.fullmatch(line)
        if table and (match or not line.strip()):
            yield table
            table = None
        if match is None and table:
            table["message"] = f"{table['message']}\n{line}".lstrip("\n")
        elif match and not match["message"]:
            table = _event(match, now)
        elif match:
            yield _event(match, now)
        elif line.strip():
            yield _plain(line, "INFO", now)
    if table:
        yield table


def message(text: str, *, level: str = "INFO") -> str:
    """Turn a message of our own into a line of the log."""
    return json.dumps(_plain(text, level, None), ensure_ascii=False)


def _plain(text: str, level: str, now: datetime | None) -> Event:
    return {"time": _iso(now or _clock()), "level": level, "message": text}


def _event(match: re.Match[str], now: datetime | None) -> Event:
    message = _unquoted(match["message"])
    request = _REQUEST_ID.search(message)
    return {
        "time": _iso(_dated(match["time"], now or _clock())),
        "level": _LEVELS[match["level"]],
        "message": message,
        "source": match["source"],
        "process": int(match["process"]),
        **({"request_id": request["id"]} if request else {}),
    }


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text)) if text.startswith('"') else text
    except ValueError:  # Triton cut the message or escaped it in its own way
        return text.strip('"')


def _dated(text: str, now: datetime) -> datetime:
    """Add the year: this year's, or last year's for a log of December that is read in January."""
    time = datetime.strptime(f"{now.year}{text}", "%Y%m%d %H:%M:%S.%f").replace(tzinfo=timezone.utc)
    return time if time <= now + timedelta(days=1) else time.replace(year=now.year - 1)


def _clock() -> datetime:
    return datetime.now(timezone.utc)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
