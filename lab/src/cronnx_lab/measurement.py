"""Cases and their measurements: cases take turns in rounds, because a machine's speed changes over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Protocol, TypeAlias

from cronnx_server import progress

IN_PROCESS, TRITON, FASTAPI = "in-process", "triton", "fastapi"
PERF_ANALYZER, CLOSED_LOOP = "perf_analyzer", "closed loop"
WARM_UP_CASE_S = 0.5


@dataclass(frozen=True)
class Case:
    """One contender under one load for a few seconds.

    Attributes:
        contender: What answers: a server, or processes that generate their own load.
        load: The load generator; for `in-process`, the shape of the worker processes.
        version: The version of the model.
        concurrency: Images in flight at a time.
        pictures: The name of the set of pictures, one of `cronnx_lab.pictures.SETS`.
        processes: The number of worker processes of `in-process`.
    """

    contender: str
    load: str
    version: int
    concurrency: int
    pictures: str
    processes: int = 0

    def __str__(self) -> str:
        """The case in one line, for people."""
        return f"{self.contender} v{self.version}, {self.load}, concurrency {self.concurrency}, {self.pictures}"


@dataclass(frozen=True)
class StepTimes:
    """What a model did over some time; the times are sums over all requests, in seconds.

    Attributes:
        requests: Requests answered without an error.
        executions: Runs of the model: a batch counts once.
        total_s: Time in the model, with queueing and copying.
        queue_s: Time spent waiting for an instance.
        compute_input_s: Time spent copying inputs to the model.
        compute_infer_s: Time spent in the model itself.
        compute_output_s: Time spent copying outputs from the model.
    """

    requests: int
    executions: int
    total_s: float
    queue_s: float
    compute_input_s: float
    compute_infer_s: float
    compute_output_s: float

    def __sub__(self, earlier: StepTimes) -> StepTimes:
        """What the model did since an earlier reading."""
        return StepTimes(*(getattr(self, each.name) - getattr(earlier, each.name) for each in fields(self)))

    @classmethod
    def sum(cls, times: Iterable[StepTimes]) -> StepTimes:
        """What the model did over several periods together."""
        return cls(*(sum(column) for column in zip(*map(astuple, times), strict=True)))

    def milliseconds(self) -> dict[str, float]:
        """The mean time of a request in each phase, in milliseconds."""
        per_request = 1000 / max(1, self.requests)
        return {
            "queue": self.queue_s * per_request,
            "compute": self.compute_infer_s * per_request,
            "copy": (self.compute_input_s + self.compute_output_s) * per_request,
        }


@dataclass(frozen=True)
class Measurement:
    """The result of one case in one round.

    Attributes:
        images_per_s: Images answered a second, after the warm-up.
        latencies_s: The latencies of these images, in seconds.
        answered: Images answered in all, the warm-up included.
        failed: Images that were answered with an error.
        cpu_s: CPU time of the contender's processes for all answers.
        generator_cpu_s: CPU time of the load generator.
        pss_bytes: The most memory the contender's processes were seen to use together.
        steps: What each model of an ensemble did, by name; the ensemble itself comes first.
    """

    images_per_s: float
    latencies_s: tuple[float, ...]
    answered: int
    failed: int
    cpu_s: float
    generator_cpu_s: float
    pss_bytes: int
    steps: dict[str, StepTimes] = field(default_factory=dict)

    @property
    def cpu_s_per_image(self) -> float:
        """CPU time of the contender for each answer."""
        return self.cpu_s / max(1, self.answered)

    @property
    def generator_cpu_s_per_image(self) -> float:
        """CPU time of the load generator for each answer."""
        return self.generator_cpu_s / max(1, self.answered)


Round: TypeAlias = dict[Case, Measurement]


class Contender(Protocol):
    """What can be measured."""

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """Measure one case for `seconds` after its warm-up.

        Raises:
            MeasurementError: The contender or the load generator failed.
        """


def warm_up(cases: Sequence[Case], contenders: Mapping[str, Contender]) -> None:
    """Run cases briefly and discard the results, so that caches and pools reach their size."""
    for case in cases:
        progress.step(f"Warming up: {case}")
        contenders[case.contender].measure(case, seconds=WARM_UP_CASE_S)


def measure_rounds(
    cases: Sequence[Case], contenders: Mapping[str, Contender], *, count: int, seconds: float
) -> Iterator[Round]:
    """Measure every case once a round; every second round runs backwards, so that no case gains by its place.

    Args:
        cases: What to measure, in order.
        contenders: By the name that the cases have for them.
        count: The number of rounds.
        seconds: The length of each case, without its warm-up.
    """
    for number in range(1, count + 1):
        measured: Round = {}
        for case in cases if number % 2 else reversed(cases):
            measurement = contenders[case.contender].measure(case, seconds=seconds)
            progress.step(f"Round {number} of {count}: {measurement.images_per_s:6.1f} images/s by {case}")
            measured[case] = measurement
        yield measured
