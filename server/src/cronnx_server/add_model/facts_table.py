"""The facts about a model as a table for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cronnx_server.exports.facts import Fact, Facts

LONGEST_VALUE = 48
HEADINGS = ("fact", "value", "source")


def table(facts: Facts) -> str:
    """One row for each fact: its name, its value, and where it was found."""
    rows = [HEADINGS, *((fact.name, _shown(fact.value), fact.source) for fact in facts)]
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{name_width}}  {value:{value_width}}  {source}" for name, value, source in rows)


def as_json(facts: Facts) -> list[dict[str, Any]]:
    """The facts as JSON types."""
    return [_entry(fact) for fact in facts]


def _entry(fact: Fact) -> dict[str, Any]:
    return {"fact": fact.name, "value": fact.value, "source": fact.source, "assumed": fact.assumed}


def _shown(value: object) -> str:
    text = _text(value)
    if isinstance(value, tuple | list) and len(text) > LONGEST_VALUE:
        text = f"{len(value)}: {text}"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 2]} …"


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return _joined(map(_text, value))
    if value is None:
        return "any"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)
