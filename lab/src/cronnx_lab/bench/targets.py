"""The targets of a benchmark, and whether a run meets them."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_lab.bench import in_process_limit
from cronnx_lab.bench.plan import REFERENCE_VERSION, Plan
from cronnx_lab.bench.results import Results, cpu_s_per_image, images_per_s, median_latency_s, pss_bytes
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, PERF_ANALYZER, TRITON, Case
from cronnx_lab.pictures import LARGE, MAIN
from cronnx_lab.verdicts import Spread, Verdict, at_least, at_most

# By version: 1 is FP32, 2 is INT8, which leaves the server less time to hide its own work in.
LEAST_OF_LIMIT = {1: 0.90, 2: 0.80}
LEAST_OF_FASTAPI = {1: 1.3, 2: 1.6}
LEAST_OF_REFERENCE = 2.2
MOST_OF_MEDIAN = 0.7
MOST_ADDED_MS = 3.0
LEAST_KEPT = 0.95
MOST_FOR_LARGE = 3.0
MOST_MEMORY_GB = 1.2
HIGH_CONCURRENCY = 64


def verdicts(results: Results) -> list[Verdict]:
    """Judge every target for which the run has the measurements; ratios come first."""
    versions = [version for version in results.plan.versions if version in LEAST_OF_LIMIT]
    found = [_against_limit(results, version) for version in versions]
    for version in versions:
        found += _against_fastapi(results, version)
    found += _high_concurrency(results)
    found += _large_pictures(results)
    if 1 in results.plan.concurrency:
        found += [each for version in versions for each in _single_caller(results, version)]
    return [*found, _memory(results), _failures(results)]


def _served(plan: Plan, load: str, version: int, concurrency: int) -> Case:
    return Case(TRITON, load, version, concurrency, plan.pictures[0])


def _rival(plan: Plan, version: int, concurrency: int) -> Case:
    return Case(FASTAPI, CLOSED_LOOP, version, concurrency, plan.pictures[0])


def _against_limit(results: Results, version: int) -> Verdict:
    plan, limit = results.plan, results.limit(version)
    ratio = results.ratio(_served(plan, PERF_ANALYZER, version, plan.busy), limit, images_per_s)
    what = f"version {version}: images/s at concurrency {plan.busy} / in-process limit ({limit.load})"
    return at_least(f"v{version} / limit", what, LEAST_OF_LIMIT[version], ratio)


def _against_fastapi(results: Results, version: int) -> Iterator[Verdict]:
    plan = results.plan
    ours, theirs = _served(plan, CLOSED_LOOP, version, plan.busy), _rival(plan, version, plan.busy)
    of = f"version {version}: images/s at concurrency {plan.busy} / FastAPI's with"
    ratio = results.ratio(ours, theirs, images_per_s)
    yield at_least(f"v{version} / FastAPI", f"{of} the same file", LEAST_OF_FASTAPI[version], ratio)
    if version != REFERENCE_VERSION and REFERENCE_VERSION in plan.versions:
        ratio = results.ratio(ours, _rival(plan, REFERENCE_VERSION, plan.busy), images_per_s)
        what = f"{of} version {REFERENCE_VERSION}"
        yield at_least(f"v{version} / FastAPI v{REFERENCE_VERSION}", what, LEAST_OF_REFERENCE, ratio)
    yield _p99(results, version, plan.busy)


def _single_caller(results: Results, version: int) -> Iterator[Verdict]:
    ours, theirs = _served(results.plan, CLOSED_LOOP, version, 1), _rival(results.plan, version, 1)
    what = f"version {version}: median latency at concurrency 1 / FastAPI's with the same file"
    ratio = results.ratio(ours, theirs, median_latency_s)
    yield at_most(f"v{version} p50 1 / FastAPI", what, MOST_OF_MEDIAN, ratio)
    yield _p99(results, version, 1)
    yield _added(results, version)


def _p99(results: Results, version: int, concurrency: int) -> Verdict:
    ours = _served(results.plan, CLOSED_LOOP, version, concurrency)
    p99 = results.percentile_s(ours, 99) / results.percentile_s(_rival(results.plan, version, concurrency), 99)
    what = f"version {version}: p99 latency at concurrency {concurrency} / FastAPI's with the same file"
    return Verdict(f"v{version} p99 {concurrency} / FastAPI", what, "<= 1.00", f"{p99:.2f}", p99 <= 1)


def _high_concurrency(results: Results) -> Iterator[Verdict]:
    plan = results.plan
    if HIGH_CONCURRENCY not in plan.concurrency:
        return
    for version in plan.versions:
        high = _served(plan, PERF_ANALYZER, version, HIGH_CONCURRENCY)
        ratio = results.ratio(high, _served(plan, PERF_ANALYZER, version, plan.busy), images_per_s)
        what = f"version {version}: images/s at concurrency {HIGH_CONCURRENCY} / at {plan.busy}"
        yield at_least(f"v{version} {HIGH_CONCURRENCY} / {plan.busy}", what, LEAST_KEPT, ratio)


def _large_pictures(results: Results) -> Iterator[Verdict]:
    plan = results.plan
    if plan.pictures[0] != MAIN or LARGE not in plan.pictures:
        return
    usual = _served(plan, CLOSED_LOOP, plan.versions[0], plan.busy)
    large = Case(TRITON, CLOSED_LOOP, plan.versions[0], plan.busy, LARGE)
    ratio = results.ratio(large, usual, cpu_s_per_image)
    yield at_most(f"{LARGE} / {MAIN}", f"CPU time of a {LARGE} picture / of a {MAIN} one", MOST_FOR_LARGE, ratio)


def _added(results: Results, version: int) -> Verdict:
    plan = results.plan
    served = _served(plan, PERF_ANALYZER, version, 1)
    single = in_process_limit.single(version, plan.pictures[0])
    added = [1000 * (median_latency_s(each[served]) - median_latency_s(each[single])) for each in results.rounds]
    what = f"version {version}: median latency at concurrency 1, in ms over one in-process"
    return at_most(f"v{version} added ms", what, MOST_ADDED_MS, Spread.of(added))


def _memory(results: Results) -> Verdict:
    cases = [case for case in results.cases if case.contender == TRITON]
    peak_gb = max(results.spread(case, pss_bytes).highest for case in cases) / 1e9
    what = f"peak memory of server and stubs in GB, {len(results.plan.versions)} version(s) loaded"
    return Verdict("GB", what, f"< {MOST_MEMORY_GB}", f"{peak_gb:.2f}", peak_gb < MOST_MEMORY_GB)


def _failures(results: Results) -> Verdict:
    failed = round(sum(results.total(case, lambda each: each.failed) for case in results.cases))
    return Verdict("failed", "requests that failed", "0", str(failed), failed == 0)
