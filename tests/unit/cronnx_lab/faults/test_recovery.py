from __future__ import annotations

import time
from typing import cast

from cronnx_lab.faults.callers import Callers, Request
from cronnx_lab.faults.faults import Fault
from cronnx_lab.faults.recovery import CALM_ANSWERS, LONGEST_S, inject, is_calm
from cronnx_lab.faults.service import Service
from tests.server.polling import until
from tests.unit.cronnx.http_triton import HttpReply, HttpRequest, http_answer, refuse, serve_http

FAILURES = 100


def test_answers_while_a_fault_is_being_caused_are_no_recovery() -> None:
    failures = iter(range(FAILURES))

    def fail_for_some_time(request: HttpRequest) -> HttpReply:
        return http_answer(request) if next(failures, None) is None else refuse(500, "out of order")

    with serve_http() as triton:

        def cause_slowly(*_: object) -> None:
            enough = len(triton.requests) + 10 * CALM_ANSWERS
            until(lambda: len(triton.requests) > enough, what="requests are answered")
            triton.infer = fail_for_some_time

        recovery = inject(
            Fault("slow", cause_slowly),
            cast(Service, None),
            url=f"http://{triton.address}",
            model_name="efficientnet_lite0",
            image=b"cat",
        )
    assert recovery.recovered_s
    assert recovery.failed.total() + recovery.failed_retrying.total() == FAILURES


def test_a_caller_without_answers_is_not_calm() -> None:
    assert not is_calm(Callers(), time.monotonic() - LONGEST_S + 0.2)
    fault_s = time.monotonic()
    assert is_calm(Callers([Request(fault_s + 1, fault_s + 2, None)] * CALM_ANSWERS), fault_s)
