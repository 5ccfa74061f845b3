"""One fault under load, and what came of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from cronnx import Retry
from cronnx_lab.faults.callers import CALLERS, DEFAULT_RETRY, POLL_S, Callers, Request, asking
from cronnx_lab.faults.service import Service

STALL_S = 2.0  # a request that takes longer was held up
CALM_ANSWERS = 10 * CALLERS
LONGEST_S = 120.0


Inject = Callable[[Service, str, bytes], None]
"""Brings a fault about in a service, given the model and the image that it is asked about."""


@dataclass(frozen=True)
class Drill:
    """A fault by its name, and how it is brought about."""

    name: str
    inject: Inject


@dataclass(frozen=True)
class Outcome:
    """What callers saw of a fault.

    Attributes:
        name: the fault's.
        recovered_s: seconds from the fault to the end of the last request that failed or took longer than `STALL_S`;
            None where there was no end to them.
        under_way: how many requests the fault met under way, and how many of them failed.
        answered: requests answered after the fault.
        failed: errors after the fault, of callers that send nothing again.
        failed_retrying: errors of callers that send again as `cronnx` does unless told otherwise.
    """

    name: str
    recovered_s: float | None
    under_way: tuple[int, int]
    answered: int
    failed: Counter[str]
    failed_retrying: Counter[str]


def run(drill: Drill, service: Service, *, url: str, model_name: str, image: bytes) -> Outcome:
    """Ask by callers with and without retries, bring the fault about, and go on until all are answered again."""
    with (
        asking(url, model_name, image, retry=Retry(attempts=1)) as once,
        asking(url, model_name, image, retry=DEFAULT_RETRY) as retrying,
    ):
        once.go_on()
        fault_s = time.monotonic()
        drill.inject(service, model_name, image)
        is_over = _calm(once, fault_s) and _calm(retrying, fault_s)
    after = [each for each in once.requests if each.ended_s > fault_s]
    under_way = [each for each in after if each.sent_s < fault_s]
    trouble_s = [each.ended_s - fault_s for each in after if _is_trouble(each)]
    return Outcome(
        drill.name,
        max(trouble_s, default=0.0) if is_over else None,
        (len(under_way), sum(each.error is not None for each in under_way)),
        sum(each.error is None for each in after),
        Counter(once.errors(since_s=fault_s)),
        Counter(retrying.errors(since_s=fault_s)),
    )


def _is_trouble(request: Request) -> bool:
    return request.error is not None or request.ended_s - request.sent_s > STALL_S


def _calm(callers: Callers, fault_s: float) -> bool:
    """Wait until the last requests were sent after the fault and all answered; False where that does not happen."""
    while time.monotonic() < fault_s + LONGEST_S:
        last = callers.requests[-CALM_ANSWERS:]
        if last[0].sent_s > fault_s and not any(each.error for each in last):
            return True
        time.sleep(POLL_S)
    return False
