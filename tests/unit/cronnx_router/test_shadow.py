from __future__ import annotations

from collections.abc import Callable, Sequence

from cronnx_router import Request, Router
from tests.unit.cronnx_router.conftest import BROKEN, CANARY, SHADOW, STABLE, Arms, Port, request

MakeRouter = Callable[..., Router]


def route(router: Router, *requests: Request) -> None:
    for _ in router.answers(requests):
        pass
    router.run_shadow()


def outcomes(port: Port) -> dict[str, float]:
    return port.read("shadow_images_total", label="outcome")


def shadowed(arms: Arms) -> Sequence[object]:
    return [inputs for arm, inputs, _ in arms.calls if arm == SHADOW]


def test_agreement_is_that_of_the_first_class(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    arms.class_id_of = lambda arm, pixel: pixel + (arm == SHADOW and pixel % 2)
    route(make_router(shadow=SHADOW), request(1, 2, users=[b"", b"canary"]), request(3), request(4))
    assert outcomes(port) == {"agreed": 2, "disagreed": 2}


def test_a_batch_is_one_call_of_the_shadow_for_nothing_but_the_class(make_router: MakeRouter, arms: Arms) -> None:
    route(make_router(shadow=SHADOW), request(1), request(2, users=[b"canary"]), request(3))
    (call,) = [call for call in arms.calls if call[0] == SHADOW]
    assert call[1]["pixels"][:, 0].tolist() == [1, 3, 2]
    assert call[2] == ("class_id",)


def test_a_lone_requests_tensor_goes_to_the_shadow_untouched(make_router: MakeRouter, arms: Arms) -> None:
    lone = request(1)
    route(make_router(shadow=SHADOW), lone)
    assert shadowed(arms) == [lone.inputs]


def test_a_shadow_that_fails_is_counted_and_nothing_else(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    arms.failures[SHADOW] = BROKEN
    route(make_router(shadow=SHADOW), request(1, 2))
    assert outcomes(port) == {"failed": 2}
    assert port.read("failures_total") == {}


def test_what_was_not_answered_has_no_shadow(make_router: MakeRouter, arms: Arms) -> None:
    arms.failures[STABLE] = BROKEN
    route(make_router(shadow=SHADOW), request(1))
    assert not shadowed(arms)


def test_a_shadow_is_not_compared_with_its_own_answers(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    route(make_router(shadow=CANARY), request(1), request(2, users=[b"canary"]))
    assert arms.called() == [STABLE, CANARY, CANARY]
    assert outcomes(port) == {"agreed": 1}


def test_a_shadow_rests_as_long_as_it_ran(make_router: MakeRouter, arms: Arms, port: Port) -> None:
    arms.seconds[SHADOW] = 5.0
    router = make_router(shadow=SHADOW)
    route(router, request(1))
    arms.now_s = 9.9
    route(router, request(2, 3))
    assert outcomes(port) == {"agreed": 1, "skipped": 2}
    arms.now_s = 10.0
    route(router, request(4))
    assert outcomes(port) == {"agreed": 2, "skipped": 2}
