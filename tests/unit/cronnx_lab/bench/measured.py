"""Invented results of a run."""

from __future__ import annotations

from cronnx_lab.bench.breakdown import Alone, Observation
from cronnx_lab.bench.graph_profile import Shares
from cronnx_lab.bench.plan import Plan
from cronnx_lab.bench.results import Results
from cronnx_lab.measurement import FASTAPI, IN_PROCESS, TRITON, Case, Measurement, StepTimes

PLAN = Plan(versions=(1,), concurrency=(1, 16, 64), pictures=("vga", "12mp"))
TIMES = StepTimes(10, 5, 1.0, 0.2, 0.1, 0.6, 0.1)
MEGABYTE = 1_000_000


def measurement(images_per_s: int, *, latency_s: float = 0.05, cpu_s: float = 1.0, failed: int = 0) -> Measurement:
    """One second of answers."""
    steps = {"net_v1": TIMES, "preprocess_224": TIMES, "net_onnx": TIMES}
    latencies_s = (latency_s,) * images_per_s
    return Measurement(float(images_per_s), latencies_s, images_per_s, failed, cpu_s, 0.01, 500 * MEGABYTE, steps)


def results(plan: Plan = PLAN, **images_per_s: int) -> Results:
    """Two rounds at the given rates; in the second, every contender is half as fast."""
    rates = {IN_PROCESS: 100, TRITON: 95, FASTAPI: 70, **images_per_s}
    return Results(plan, [{case: measurement(_rate(rates, case) // part) for case in plan.cases()} for part in (1, 2)])


def _rate(rates: dict[str, int], case: Case) -> int:
    return rates[case.contender]


OBSERVATION = Observation(
    # Ten requests to each step, so that a second in it is 100 ms of a request.
    latencies_s=(0.04, 0.06),
    steps={
        "preprocess_224": StepTimes(10, 10, 0.13, 0.01, 0.01, 0.10, 0.01),
        "net_onnx": StepTimes(10, 10, 0.29, 0.02, 0.02, 0.23, 0.02),
    },
    busy=measurement(100),
    alone=Alone(decode_s=0.006, preprocess_s=0.009, run_s=0.020, shares=Shares(0.1, 0.7, 0.2)),
)
"""One caller, whose requests take 50 ms."""
