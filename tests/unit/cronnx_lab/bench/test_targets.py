from __future__ import annotations

from dataclasses import replace

import pytest

from cronnx_lab.bench.plan import Plan
from cronnx_lab.bench.results import Results
from cronnx_lab.bench.targets import verdicts
from cronnx_lab.measurement import FASTAPI, TRITON
from cronnx_lab.verdicts import Verdict
from tests.unit.cronnx_lab.bench.measured import MEGABYTE, PLAN, results


def verdict(found: Results, part: str) -> Verdict:
    (only,) = (each for each in verdicts(found) if part in each.what)
    return only


@pytest.mark.parametrize(("rate", "holds"), [(90, True), (88, False)])
def test_the_ensemble_is_to_reach_nine_tenths_of_the_limit(rate: int, *, holds: bool) -> None:
    assert verdict(results(triton=rate), "in-process limit").holds is holds


def test_int8_is_to_reach_eight_tenths_of_its_limit() -> None:
    found = results(Plan((1, 2), (1, 16), ("vga",)), triton=84)
    assert not verdict(found, "version 1: images/s at concurrency 16 / in-process").holds
    assert verdict(found, "version 2: images/s at concurrency 16 / in-process").holds


@pytest.mark.parametrize(("rate", "holds"), [(92, True), (90, False)])
def test_the_ensemble_is_to_outrun_fastapi_by_three_tenths(rate: int, *, holds: bool) -> None:
    assert verdict(results(triton=rate, fastapi=70), "images/s at concurrency 16 / FastAPI").holds is holds


@pytest.mark.parametrize(
    ("rate", "of_same", "of_reference"), [(79, False, False), (81, True, False), (111, True, True)]
)
def test_int8_is_compared_with_fastapi_with_the_same_file_and_with_fp32(
    rate: int, *, of_same: bool, of_reference: bool
) -> None:
    found = results(Plan((1, 2), (1, 16), ("vga",)), triton=rate, fastapi=50)
    assert verdict(found, "version 2: images/s at concurrency 16 / FastAPI's with the same file").holds is of_same
    assert verdict(found, "version 2: images/s at concurrency 16 / FastAPI's with version 1").holds is of_reference


@pytest.mark.parametrize("concurrency", [1, 16])
def test_the_99th_percentile_is_to_be_no_higher_than_fastapis(concurrency: int) -> None:
    found = results()
    assert verdict(found, f"p99 latency at concurrency {concurrency} ").holds
    for each in found.rounds:
        for case in [case for case in each if case.contender == FASTAPI]:
            each[case] = replace(each[case], latencies_s=(0.04,))
    assert not verdict(found, f"p99 latency at concurrency {concurrency} ").holds


@pytest.mark.parametrize(("latency_s", "holds"), [(0.072, True), (0.071, False)])
def test_a_single_caller_is_to_wait_seven_tenths_of_the_time_it_waits_for_fastapi(
    latency_s: float, *, holds: bool
) -> None:
    found = results()
    for each in found.rounds:
        for case in [case for case in each if case.contender == FASTAPI]:
            each[case] = replace(each[case], latencies_s=(latency_s,))
    assert verdict(found, "median latency at concurrency 1 / FastAPI").holds is holds


@pytest.mark.parametrize(("rate", "holds"), [(92, True), (88, False)])
def test_high_concurrency_is_to_cost_no_more_than_a_twentieth(rate: int, *, holds: bool) -> None:
    found = results()
    for each in found.rounds:
        for case in [case for case in each if case.contender == TRITON and case.concurrency == 64]:
            each[case] = replace(each[case], images_per_s=each[case].images_per_s * rate / 95)
    assert verdict(found, "at concurrency 64 / at 16").holds is holds


@pytest.mark.parametrize(("cpu_s", "holds"), [(2.9, True), (3.1, False)])
def test_a_large_picture_is_to_cost_at_most_three_usual_ones(cpu_s: float, *, holds: bool) -> None:
    found = results()
    for each in found.rounds:
        for case in [case for case in each if case.pictures == "12mp"]:
            each[case] = replace(each[case], cpu_s=cpu_s)
    assert verdict(found, "12mp").holds is holds


@pytest.mark.parametrize(("latency_s", "holds"), [(0.0529, True), (0.0531, False)])
def test_one_request_is_to_take_at_most_3_ms_more_than_in_process(latency_s: float, *, holds: bool) -> None:
    found = results()
    for each in found.rounds:
        for case in [case for case in each if case.contender == TRITON and case.concurrency == 1]:
            each[case] = replace(each[case], latencies_s=(latency_s,))
    assert verdict(found, "over one in-process").holds is holds


def test_memory_is_the_most_that_any_case_of_the_server_used() -> None:
    found = results()
    assert verdict(found, "peak memory").measured == "0.50"
    last = [case for case in PLAN.cases() if case.contender == TRITON][-1]
    found.rounds[1][last] = replace(found.rounds[1][last], pss_bytes=1300 * MEGABYTE)
    assert not verdict(found, "peak memory").holds


def test_a_request_that_failed_is_a_target_missed() -> None:
    found = results()
    assert verdict(found, "failed").holds
    case = PLAN.cases()[-1]
    found.rounds[0][case] = replace(found.rounds[0][case], failed=1)
    assert verdict(found, "failed") == Verdict("failed", "requests that failed", "0", "1", holds=False)


def test_what_was_not_measured_has_no_verdict() -> None:
    found = verdicts(results(Plan((1,), (8,), ("tiny",))))
    assert not [each for each in found if "64" in each.what or "12mp" in each.what or "over one" in each.what]
