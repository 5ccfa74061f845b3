"""`cronnx bench`: a short measurement in a closed loop."""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cronnx import Client
from cronnx._config import DEFAULT_MODEL_NAME
from cronnx._inputs import image_file
from cronnx.command_line._image_arguments import images
from cronnx.command_line._options import (
    Commands,
    Connect,
    add_command,
    add_connection,
    counts,
    if_reachable,
    open_client,
    seconds,
    urls,
)
from cronnx.command_line._report import ErrorLog, ExitCode, table, terminal_width

_HEADINGS = ("CONCURRENCY", "IMAGES/S", "P50 ms", "P95 ms", "P99 ms", "ERRORS")
_MAX_IMAGES = 64
_SAMPLE_WIDTH, _SAMPLE_HEIGHT = 500, 375  # a common size in ImageNet

_DESCRIPTION = """\
Measure throughput and latency in a closed loop: the number of running requests is constant, and each answer starts the
next request.
"""


_EXAMPLES = (
    "cronnx bench",
    "cronnx bench photos --concurrency 1,8,32 --seconds 10",
    "cronnx bench --model resnet50 --url http://a:8000 --url http://b:8000 --json",
)


def add_bench(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "bench", summary="measure throughput and latency", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        help=f"what `cronnx predict` takes; the first {_MAX_IMAGES} images are sent; default: a generated photo",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--model-version",
        default="",
        metavar="VERSION",
        help="default: the server's choice; of an ensemble, the version of its network",
    )
    parser.add_argument(
        "--concurrency",
        type=counts,
        default="1,4,16",
        metavar="N,...",
        help="requests at a time; one measurement for each; default: %(default)s",
    )
    parser.add_argument(
        "--seconds", type=seconds, default=5.0, metavar="SECONDS", help="time of a measurement; default: %(default)g"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_connection(parser, several="requests are spread over those that answer, and measured together")
    parser.set_defaults(run=_bench)


def _bench(options: argparse.Namespace, connect: Connect) -> ExitCode:
    errors = ErrorLog()
    files = _files(options.path, errors)
    if not files:
        return ExitCode.FAILED
    with open_client(options, connect) as client:
        client.predict(files[0], model_name=options.model, model_version=options.model_version)  # connect, warm up
        measurements = [
            measure(
                client,
                files,
                concurrency=concurrency,
                seconds=options.seconds,
                model_name=options.model,
                model_version=options.model_version,
            )
            for concurrency in options.concurrency
        ]
    if options.json:
        print(json.dumps(_document(options, len(files), measurements)))
    else:
        print(table(_HEADINGS, [_cells(each) for each in measurements], width=terminal_width()))
    failed = errors.count or any(each.errors for each in measurements)
    return ExitCode.FAILED if failed else ExitCode.DONE


def _files(argument: str | None, report: Callable[[str], None]) -> list[bytes]:
    if argument is None:
        return [sample_image()]
    return [image_file(each) for each in itertools.islice(images([argument], report=report), _MAX_IMAGES)]


def _document(options: argparse.Namespace, count: int, measurements: Iterable[Measurement]) -> dict[str, Any]:
    return {
        "servers": urls(options),
        "model": options.model,
        "model_version": options.model_version,
        "images": count,
        "seconds": options.seconds,
        "measurements": [_fields(each) for each in measurements],
    }


def _fields(measured: Measurement) -> dict[str, float | None]:
    p50, p95, p99 = measured.latencies_ms or (None, None, None)
    return {
        "concurrency": measured.concurrency,
        "images_per_s": measured.images_per_s,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "errors": measured.errors,
    }


def _cells(measured: Measurement) -> list[str]:
    latencies = measured.latencies_ms or ()
    return [
        str(measured.concurrency),
        f"{measured.images_per_s:.1f}",
        *([f"{each:.1f}" for each in latencies] or ["-"] * 3),
        str(measured.errors),
    ]


@dataclass(frozen=True)
class Measurement:
    """The result of a closed loop.

    Attributes:
        concurrency: The number of requests at a time.
        images_per_s: Answered images per second.
        latencies_ms: The 50th, 95th and 99th percentile of the latency, in milliseconds; None without an answer.
        errors: The number of images without an answer.
    """

    concurrency: int
    images_per_s: float
    latencies_ms: tuple[float, float, float] | None
    errors: int


def measure(
    client: Client,
    images: Sequence[bytes],
    *,
    concurrency: int,
    seconds: float,
    model_name: str,
    model_version: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Measurement:
    """Send images again and again for a number of seconds, and wait for the last answer.

    Raises:
        ConnectionFailed: No server can be reached.
    """
    started_at = clock()
    outcomes = client.predict_many(
        itertools.takewhile(lambda _: clock() < started_at + seconds, itertools.cycle(images)),
        concurrency=concurrency,
        ordered=False,
        model_name=model_name,
        model_version=model_version,
    )
    latencies_s, errors = [], 0
    with contextlib.closing(outcomes):
        for outcome in if_reachable(outcomes):
            if outcome.error:
                errors += 1
            else:
                latencies_s.append(outcome.seconds)
    return Measurement(concurrency, len(latencies_s) / (clock() - started_at), _percentiles_ms(latencies_s), errors)


def _percentiles_ms(latencies_s: Sequence[float]) -> tuple[float, float, float] | None:
    if not latencies_s:
        return None
    p50, p95, p99 = (float(each) * 1000 for each in np.percentile(latencies_s, (50, 95, 99)))
    return p50, p95, p99


def sample_image() -> bytes:
    """Generate a JPEG of 500 x 375 pixels with about as much detail as a photo; always the same."""
    from PIL import Image  # imported here because it loads slowly

    random = np.random.default_rng(0)
    picture = np.zeros((_SAMPLE_HEIGHT, _SAMPLE_WIDTH, 3))
    for cells in (4, 16, 64):  # coarse shapes are strong and fine ones weak
        coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        size = (_SAMPLE_WIDTH, _SAMPLE_HEIGHT)
        picture += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)) / cells
    picture += random.normal(0, 4, picture.shape)  # a sensor's noise
    jpeg = io.BytesIO()
    Image.fromarray((picture * (255 / np.max(picture))).clip(0, 255).astype(np.uint8)).save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()
