from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cronnx_router import Failure, Request, Router
from cronnx_router.batches import as_array
from tests.unit.cronnx_router.conftest import (
    BROKEN,
    CANARY,
    FULL,
    REFUSED,
    SHADOW,
    STABLE,
    Arms,
    HeldTensor,
    Port,
    request,
)

MakeRouter = Callable[..., Router]


def answers(router: Router, requests: Sequence[Request]) -> list[list[tuple[int, str]] | Failure]:
    """Each request's classes and who gave them, or its failure; every request answered once."""
    found = {}
    for index, answer in router.answers(requests):
        assert index not in found
        found[index] = answer
    return [
        answer
        if isinstance(answer, Failure)
        else list(
            zip(
                as_array(answer["class_id"])[:, 0].tolist(),
                [each.decode() for each in as_array(answer["served_by"])[:, 0]],
                strict=True,
            )
        )
        for _, answer in sorted(found.items())
    ]


def test_a_batch_is_one_call_an_arm_and_every_request_gets_its_own_rows(make_router: MakeRouter, arms: Arms) -> None:
    requests = [request(1), request(2, users=[b"canary"]), request(3, 4), request(5, users=[b"canary"])]
    assert answers(make_router(), requests) == [
        [(1, "stable/1")],
        [(2, "canary/2")],
        [(3, "stable/1"), (4, "stable/1")],
        [(5, "canary/2")],
    ]
    assert arms.called() == [STABLE, CANARY]


def test_a_lone_requests_tensors_are_passed_on_and_back_untouched(make_router: MakeRouter, arms: Arms) -> None:
    lone = request(1, 2)
    ((_, answer),) = make_router().answers([lone])
    assert arms.calls[0][1]["pixels"] is lone.inputs["pixels"]
    assert not isinstance(answer, Failure)
    assert all(isinstance(tensor, HeldTensor) for tensor in answer.values())


def test_the_rows_of_a_shared_call_are_views(make_router: MakeRouter) -> None:
    (_, first), (_, second) = make_router().answers([request(1), request(2)])
    assert not isinstance(first, Failure)
    assert not isinstance(second, Failure)
    ours, theirs = as_array(first["class_id"]), as_array(second["class_id"])
    assert ours.base is not None
    assert ours.base is theirs.base


def test_the_images_of_one_request_go_to_their_users_arms_and_come_back_in_order(make_router: MakeRouter) -> None:
    mixed = request(1, 2, 3, 4, users=[b"canary", b"", b"canary", b"user"])
    assert answers(make_router(), [mixed, request(5)]) == [
        [(1, "canary/2"), (2, "stable/1"), (3, "canary/2"), (4, "stable/1")],
        [(5, "stable/1")],
    ]


def test_an_answer_does_not_wait_for_the_other_arm(make_router: MakeRouter, arms: Arms) -> None:
    coming = make_router().answers([request(1), request(2, users=[b"canary"])])
    assert next(coming)[0] == 0
    assert arms.called() == [STABLE]


def test_a_canary_that_fails_is_answered_by_the_first_arm_and_counted(
    make_router: MakeRouter, arms: Arms, port: Port
) -> None:
    arms.failures[CANARY] = BROKEN
    requests = [request(1, users=[b"canary"]), request(2, users=[b"canary"]), request(3)]
    assert answers(make_router(), requests) == [[(1, "stable/1")], [(2, "stable/1")], [(3, "stable/1")]]
    assert port.read("failures_total") == {"canary": 2}
    assert port.read("fallbacks_total") == {"canary": 2}
    assert port.read("images_total") == {"stable": 3}


def test_the_first_arms_failure_is_the_callers_answer(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    arms.failures[STABLE] = BROKEN
    assert answers(make_router(), [request(1), request(2, users=[b"canary"])]) == [BROKEN, [(2, "canary/2")]]
    assert port.read("failures_total") == {"stable": 1}
    assert port.read("fallbacks_total") == {}


def test_a_first_arm_that_fails_on_one_request_answers_the_others(
    make_router: MakeRouter, arms: Arms, port: Port
) -> None:
    arms.broken_pixels = {2}
    assert answers(make_router(), [request(1), request(2), request(3)]) == [
        [(1, "stable/1")],
        BROKEN,
        [(3, "stable/1")],
    ]
    assert port.read("images_total") == {"stable": 2}
    assert port.read("failures_total") == {"stable": 1}


def test_a_first_arm_that_is_full_is_not_asked_again_for_every_request(
    make_router: MakeRouter, arms: Arms, port: Port
) -> None:
    arms.failures[STABLE] = FULL
    assert answers(make_router(), [request(1), request(2), request(3)]) == [FULL] * 3
    assert arms.called() == [STABLE]
    assert port.read("failures_total") == {"stable": 3}


def test_a_canary_that_is_full_is_answered_by_the_first_arm(make_router: MakeRouter, arms: Arms) -> None:
    arms.failures[CANARY] = FULL
    assert answers(make_router(), [request(1, users=[b"canary"])]) == [[(1, "stable/1")]]


@pytest.mark.parametrize(
    ("message", "is_overload"),
    [
        ("Exceeds maximum queue size", True),
        ("[request id: 7] Request timeout expired", True),
        ("out of memory", False),
    ],
)
def test_a_failure_knows_whether_a_queue_was_full(message: str, is_overload: bool) -> None:
    assert Failure(message, caller_at_fault=False, code=1).is_overload is is_overload


def test_a_request_of_which_a_part_fails_fails_once(make_router: MakeRouter, arms: Arms) -> None:
    arms.failures = {STABLE: BROKEN, CANARY: BROKEN}
    assert answers(make_router(), [request(1, 2, users=[b"", b"canary"])]) == [BROKEN]


def test_what_the_caller_did_wrong_fails_alone_and_is_not_the_arms_failure(
    make_router: MakeRouter, arms: Arms, port: Port
) -> None:
    arms.refused_pixels = {2}
    requests = [request(1, users=[b"canary"]), request(2, users=[b"canary"]), request(3, users=[b"canary"])]
    assert answers(make_router(), requests) == [[(1, "canary/2")], REFUSED, [(3, "canary/2")]]
    assert port.read("images_total") == {"canary": 2}
    assert port.read("failures_total") == port.read("fallbacks_total") == {}


def test_images_and_the_time_of_every_call_are_counted_by_arm(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    arms.seconds = {STABLE: 0.25, CANARY: 2.0}
    router = make_router()
    answers(router, [request(1, 2), request(3, users=[b"canary"])])
    answers(router, [request(4)])
    assert port.read("images_total") == {"stable": 3, "canary": 1}
    assert port.read("images_total", label="version") == {"1": 3, "2": 1}
    assert port.read("images_total", label="router") == {"router": 4}
    assert [series.observed for series in port.series("latency_seconds")] == [[0.25, 0.25], [2.0]]


@pytest.mark.parametrize("name", ["images_total", "failures_total", "fallbacks_total", "latency_seconds"])
def test_every_arm_has_its_series_before_the_first_request(make_router: MakeRouter, port: Port, name: str) -> None:
    make_router()
    assert [(each.labels["model"], each.value) for each in port.series(name)] == [("stable", 0), ("canary", 0)]


def test_nothing_is_kept_for_a_shadow_that_is_not_there(make_router: MakeRouter, arms: Arms) -> None:
    router = make_router()
    answers(router, [request(1)])
    router.run_shadow()
    assert arms.called() == [STABLE]


def test_a_routed_image_is_the_image_that_came(make_router: MakeRouter, arms: Arms) -> None:
    answers(make_router(), [request(7, 8, 9, users=[b"", b"canary", b""]), request(10)])
    sent = {arm: as_array(inputs["pixels"])[:, 0].tolist() for arm, inputs, _ in arms.calls}
    assert sent == {STABLE: [7, 9, 10], CANARY: [8]}
    np.testing.assert_array_equal(as_array(arms.calls[0][1]["pixels"]).shape, (3, 1))


def test_the_shadow_is_not_asked_before_everybody_has_the_answer(make_router: MakeRouter, arms: Arms) -> None:
    router = make_router(shadow=SHADOW)
    answers(router, [request(1), request(2, users=[b"canary"])])
    assert arms.called() == [STABLE, CANARY]
    router.run_shadow()
    assert arms.called() == [STABLE, CANARY, SHADOW]


def test_a_call_belongs_to_the_trace_of_the_first_request_that_has_one(make_router: MakeRouter, arms: Arms) -> None:
    requests = [request(1), request(2, trace="one"), request(3, trace="other"), request(4, users=[b"canary"])]
    answers(make_router(), requests)
    assert dict(zip(arms.called(), arms.traces, strict=True)) == {STABLE: "one", CANARY: None}


def test_a_shadow_is_in_no_trace(make_router: MakeRouter, arms: Arms) -> None:
    router = make_router(shadow=SHADOW)
    answers(router, [request(1, trace="one")])
    router.run_shadow()
    assert arms.traces == ["one", None]
