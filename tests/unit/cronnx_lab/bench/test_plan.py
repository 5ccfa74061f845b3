from __future__ import annotations

import pytest

from cronnx_lab.bench.plan import Plan
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, IN_PROCESS, PERF_ANALYZER, TRITON, Leg

PLAN = Plan(versions=(1, 2), concurrency=(1, 4, 16, 64), pictures=("vga", "tiny", "12mp"))


def test_no_leg_comes_twice() -> None:
    legs = PLAN.legs()
    assert len(set(legs)) == len(legs)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("load", [PERF_ANALYZER, CLOSED_LOOP])
def test_both_generators_load_every_version_at_every_concurrency(version: int, load: str) -> None:
    legs = PLAN.legs()
    assert all(Leg(TRITON, load, version, concurrency, "vga") in legs for concurrency in (1, 4, 16, 64))


def test_fastapi_is_loaded_by_the_generator_that_loads_triton_too() -> None:
    rivals = [leg for leg in PLAN.legs() if leg.contender == FASTAPI]
    assert [leg.concurrency for leg in rivals] == [1, 4, 16, 64]
    assert {leg.load for leg in rivals} == {CLOSED_LOOP}


def test_other_pictures_are_measured_where_the_targets_are_set() -> None:
    others = [leg for leg in PLAN.legs() if leg.pictures != "vga"]
    assert {(leg.pictures, leg.concurrency) for leg in others} == {("tiny", 16), ("12mp", 16)}


def test_the_limit_of_each_version_is_measured_beside_the_busy_legs() -> None:
    legs = PLAN.legs()
    for version in (1, 2):
        place = legs.index(Leg(TRITON, PERF_ANALYZER, version, 16, "vga"))
        assert legs[place - 1].contender == IN_PROCESS
        assert legs[place - 1].version == version


@pytest.mark.parametrize(("concurrency", "busy"), [((1, 4, 16, 64), 16), ((1, 8), 8), ((32,), 32)])
def test_the_busy_concurrency_is_the_one_nearest_to_16(concurrency: tuple[int, ...], busy: int) -> None:
    assert Plan((1,), concurrency, ("vga",)).busy == busy


def test_every_contender_and_version_is_warmed_up() -> None:
    warmed = PLAN.warm_up()
    assert {leg.version for leg in warmed if leg.contender == TRITON} == {1, 2}
    assert {leg.contender for leg in warmed} >= {TRITON, FASTAPI}
