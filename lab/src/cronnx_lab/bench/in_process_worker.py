"""One process of the in-process limit; a line of JSON on stdin is an order, a line on stdout what came of it."""

from __future__ import annotations

import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cronnx_lab.measurement import Span
from cronnx_server.build_models.in_process import InProcess


@dataclass(frozen=True)
class Setting:
    """What a process is made for: a model's file, the pixels of a side, and the threads that share an image."""

    model: str
    size: int
    threads: int


@dataclass(frozen=True)
class Order:
    """What to do: image files taken in turn, so many at a time, for so many seconds."""

    images: list[str]
    batch: int
    seconds: float


@dataclass(frozen=True)
class Worked:
    """What was done: a span for each image, on the machine's monotonic clock, and the CPU time of it all."""

    spans: list[Span]
    cpu_s: float


def work(model: InProcess, order: Order) -> Worked:
    """Classify images until the time is up."""
    images = itertools.cycle([Path(path).read_bytes() for path in order.images])
    cpu_s, ends = time.process_time(), time.monotonic() + order.seconds
    spans: list[Span] = []
    while (start := time.monotonic()) < ends:
        model.classify(list(itertools.islice(images, order.batch)))
        spans += [(start, time.monotonic())] * order.batch
    return Worked(spans, time.process_time() - cpu_s)


def main() -> None:
    """Work until stdin ends."""
    setting = Setting(**json.loads(sys.argv[1]))
    model = InProcess(Path(setting.model), size=setting.size, threads=setting.threads)
    for line in sys.stdin:
        print(json.dumps(asdict(work(model, Order(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
