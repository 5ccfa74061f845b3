"""One worker process of the in-process limit: a task per line of standard input, a result per line of output."""

from __future__ import annotations

import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cronnx_lab.load.answers import Span
from cronnx_server.build_models.in_process import InProcessModel


@dataclass(frozen=True)
class Settings:
    """How a worker is set up.

    Attributes:
        model: The model's file.
        threads: Threads for one image.
    """

    model: str
    threads: int


@dataclass(frozen=True)
class Task:
    """What a worker does.

    Attributes:
        images: Image files, used in rotation.
        batch: Images in one batch.
        seconds: How long to go on.
    """

    images: list[str]
    batch: int
    seconds: float


@dataclass(frozen=True)
class Work:
    """What a worker did.

    Attributes:
        spans: Start and end of each image, in seconds on the machine's monotonic clock.
        cpu_s: CPU time of the task.
    """

    spans: list[Span]
    cpu_s: float


def work(model: InProcessModel, task: Task) -> Work:
    """Classify images until the time is up."""
    images = itertools.cycle([Path(path).read_bytes() for path in task.images])
    cpu_s, ends = time.process_time(), time.monotonic() + task.seconds
    spans: list[Span] = []
    while (start := time.monotonic()) < ends:
        model.answer(list(itertools.islice(images, task.batch)))
        spans += [(start, time.monotonic())] * task.batch
    return Work(spans, time.process_time() - cpu_s)


def main() -> None:
    """Work until standard input ends; the argument is the settings, as JSON."""
    settings = Settings(**json.loads(sys.argv[1]))
    model = InProcessModel(Path(settings.model), threads=settings.threads)
    for line in sys.stdin:
        print(json.dumps(asdict(work(model, Task(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
