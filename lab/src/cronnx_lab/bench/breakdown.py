"""Where the time of a request goes: arithmetic on what Triton counted and on the same work alone in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from cronnx_lab.bench.graph_profile import Shares
from cronnx_lab.measurement import Measurement, StepTimes
from cronnx_lab.verdicts import Spread

PARTS: Mapping[str, str] = {
    "queue": "waiting for an instance, in front of both steps",
    "decode": "reading and decoding the file",
    "resize": "resizing, turning and writing the tensor",
    "normalise": "the nodes of the graph before the network",
    "network": "the network",
    "head": "the nodes of the graph after the network",
    "copy": "Triton moves tensors to and from both steps, and writes the answer",
    "stubs": "more time in both steps than the same work takes alone: Python, messages, shared cores",
    "rest": "HTTP, the ensemble, the caller",
}
"""The parts of a request, and what each is."""


@dataclass(frozen=True)
class Alone:
    """The mean times of the same work on the same pictures without a server, in seconds.

    Attributes:
        decode_s: Reading and decoding a file, on one thread.
        preprocess_s: The whole of the preprocessing, on one thread.
        run_s: A run of the graph.
        shares: How the parts of the graph share the run.
    """

    decode_s: float
    preprocess_s: float
    run_s: float
    shares: Shares


@dataclass(frozen=True)
class Observation:
    """What was measured of an ensemble with one set of pictures in one round.

    Attributes:
        latencies_s: The latencies of all requests of one caller, in seconds.
        steps: What the preprocessing and the network did for the same requests.
        busy: The server under many callers.
        alone: The work without the server.
    """

    latencies_s: Sequence[float]
    steps: Mapping[str, StepTimes]
    busy: Measurement
    alone: Alone


def breakdown_ms(observation: Observation) -> dict[str, float]:
    """The mean time of a request in each of `PARTS`, in milliseconds; their sum is the mean latency.

    Triton keeps sums and no medians, so all of them are means. A part that is a difference may come out below 0 where
    the machine was slower for the one than for the other.
    """
    alone, steps = observation.alone, [times.milliseconds() for times in observation.steps.values()]
    queue, compute, copy = (sum(step[phase] for step in steps) for phase in ("queue", "compute", "copy"))
    decode, preprocess, run = (1000 * each for each in (alone.decode_s, alone.preprocess_s, alone.run_s))
    return {
        "queue": queue,
        "decode": decode,
        "resize": preprocess - decode,
        "normalise": run * alone.shares.normalise,
        "network": run * alone.shares.network,
        "head": run * alone.shares.head,
        "copy": copy,
        "stubs": compute - preprocess - run,
        "rest": 1000 * fmean(observation.latencies_s) - queue - compute - copy,
    }


def spreads(observations: Sequence[Observation]) -> dict[str, Spread]:
    """Each of `PARTS` over the rounds, in milliseconds."""
    rounds = [breakdown_ms(each) for each in observations]
    return {part: Spread.of([each[part] for each in rounds]) for part in PARTS}
