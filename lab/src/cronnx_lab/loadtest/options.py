"""The options that `scripts/loadtest` and Locust both take."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cronnx_lab.loadtest.thresholds import Thresholds
from cronnx_server.paths import PICTURES

P95_PER_USER, P99_PER_USER = 3, 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the requests and the thresholds; Locust can send texts and numbers to its workers."""
    parser.add_argument("--models", nargs="+", metavar="NAME", help="the models to ask (default: those of the shape)")
    parser.add_argument(
        "--images",
        default=str(PICTURES),
        metavar="DIR",
        help="the folder of the images to send (default: scripts/pictures)",
    )
    parser.add_argument(
        "--max-error-rate",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="the largest share of failed requests, 0 to 1 (default: %(default)g)",
    )
    for percentile, per_user in (("p95", P95_PER_USER), ("p99", P99_PER_USER)):
        parser.add_argument(
            f"--max-{percentile}-ratio",
            type=float,
            metavar="RATIO",
            help=f"the largest {percentile} latency, in medians of one user (default: {per_user} for each user)",
        )
    parser.add_argument(
        "--min-throughput",
        type=float,
        metavar="RATE",
        help="the smallest number of answers per second (default: half of what one user gets)",
    )


def arguments(options: argparse.Namespace) -> list[str]:
    """The command-line arguments that give Locust the same options."""
    given = {
        "--images": options.images,
        "--max-error-rate": options.max_error_rate,
        "--max-p95-ratio": options.max_p95_ratio,
        "--max-p99-ratio": options.max_p99_ratio,
        "--min-throughput": options.min_throughput,
    }
    flags = [f"{name}={value}" for name, value in given.items() if value is not None]
    return [*(["--models", *options.models] if options.models else []), *flags]


def thresholds(options: argparse.Namespace, *, users: int) -> Thresholds:
    """The thresholds of a run, for the number of users at its peak."""
    p95_ratio, p99_ratio = options.max_p95_ratio, options.max_p99_ratio
    return Thresholds(
        max_error_rate=options.max_error_rate,
        max_p95_ratio=P95_PER_USER * users if p95_ratio is None else p95_ratio,
        max_p99_ratio=P99_PER_USER * users if p99_ratio is None else p99_ratio,
        min_throughput=options.min_throughput,
    )


def images(folder: str) -> Sequence[bytes]:
    """Read the image files of a folder.

    Raises:
        OSError: A file cannot be read, or the folder has none.
    """
    files = [path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file() and path.suffix != ".md"]
    if not files:
        raise FileNotFoundError(f"expected images in {folder}, got none")
    return files
