from __future__ import annotations

import pytest

from cronnx_lab.bench.plan import Plan
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, IN_PROCESS, PERF_ANALYZER, TRITON, Case

PLAN = Plan(versions=(1, 2), concurrency=(1, 4, 16, 64), pictures=("vga", "tiny", "12mp"))


def test_no_case_is_measured_twice() -> None:
    cases = PLAN.cases()
    assert len(set(cases)) == len(cases)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("load", [PERF_ANALYZER, CLOSED_LOOP])
def test_both_generators_load_every_version_at_every_concurrency(version: int, load: str) -> None:
    cases = PLAN.cases()
    assert all(Case(TRITON, load, version, concurrency, "vga") in cases for concurrency in (1, 4, 16, 64))


def test_fastapi_is_loaded_by_the_generator_that_loads_triton_too() -> None:
    rivals = [case for case in PLAN.cases() if case.contender == FASTAPI]
    assert [(case.concurrency, case.version) for case in rivals] == [(n, v) for n in (1, 4, 16, 64) for v in (1, 2)]
    assert {case.load for case in rivals} == {CLOSED_LOOP}


def test_other_pictures_are_measured_where_the_targets_are_set() -> None:
    others = [case for case in PLAN.cases() if case.pictures != "vga"]
    assert {(case.pictures, case.concurrency) for case in others} == {("tiny", 16), ("12mp", 16)}


def test_the_limit_of_each_version_is_measured_beside_the_busy_cases() -> None:
    cases = PLAN.cases()
    for version in (1, 2):
        place = cases.index(Case(TRITON, PERF_ANALYZER, version, 16, "vga"))
        assert cases[place - 1].contender == IN_PROCESS
        assert cases[place - 1].version == version


@pytest.mark.parametrize(("concurrency", "busy"), [((1, 4, 16, 64), 16), ((1, 8), 8), ((32,), 32)])
def test_the_busy_concurrency_is_the_one_nearest_to_16(concurrency: tuple[int, ...], busy: int) -> None:
    assert Plan((1,), concurrency, ("vga",)).busy == busy


@pytest.mark.parametrize("concurrency", [(1, 4, 16, 64), (16, 64), (1,)])
def test_each_contender_and_load_is_warmed_up_with_each_version_and_set_of_pictures(
    concurrency: tuple[int, ...],
) -> None:
    plan = Plan(versions=(1, 2), concurrency=concurrency, pictures=("vga", "tiny", "12mp"))
    assert {warmed_state(case) for case in plan.warm_up()} == {warmed_state(case) for case in plan.cases()}


def warmed_state(case: Case) -> tuple[str, str, int, str]:
    return case.contender, case.load, case.version, case.pictures


def test_it_is_warmed_up_once_at_its_highest_concurrency() -> None:
    warmed = PLAN.warm_up()
    assert len({warmed_state(case) for case in warmed}) == len(warmed)
    assert {case.concurrency for case in warmed if case.contender == FASTAPI} == {64}
