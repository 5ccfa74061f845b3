"""One caller alone: what the latencies under load are compared with."""

from __future__ import annotations

import statistics

from cronnx_lab.loadtest.callers import Caller
from cronnx_lab.loadtest.questions import Questions

REQUESTS = 50


class NoAnswerError(Exception):
    """The server does not answer even one caller; there is nothing to test."""


def medians_ms(caller: Caller, questions: Questions) -> dict[str, float]:
    """The median latency of `REQUESTS` requests to each model, one after the other.

    Raises:
        NoAnswerError: one failed.
    """
    return {name: _median_ms(caller, questions, name) for name in questions.models}


def _median_ms(caller: Caller, questions: Questions, model_name: str) -> float:
    outcomes = []
    for _ in range(REQUESTS):
        outcomes.append(caller.ask(questions.draw(model_name)))
        if error := outcomes[-1].error:
            raise NoAnswerError(f"'{model_name}' does not answer: {error}") from error
    return statistics.median(outcome.latency_ms for outcome in outcomes)
