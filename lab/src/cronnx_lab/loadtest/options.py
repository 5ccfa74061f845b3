"""The options that `scripts/loadtest` and Locust both take."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from cronnx_lab.loadtest.thresholds import LEAST_OF_ONE_USER, Thresholds
from cronnx_lab.run_facts import commit, machine
from cronnx_server.paths import PICTURES

MAX_P99_MS = 1000.0
P95_PER_USER, P99_PER_USER = 2, 3


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
    parser.add_argument(
        "--max-p99-ms",
        type=float,
        default=MAX_P99_MS,
        metavar="MS",
        help="the largest p99 latency, in milliseconds (default: %(default)g)",
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
        help=f"the smallest number of answers per second (default: {LEAST_OF_ONE_USER:g} of what one user gets)",
    )


def arguments(options: argparse.Namespace) -> list[str]:
    """The command-line arguments that give Locust the same options."""
    given = {
        "--images": options.images,
        "--max-error-rate": options.max_error_rate,
        "--max-p99-ms": options.max_p99_ms,
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
        max_p99_ms=options.max_p99_ms,
        max_p95_ratio=P95_PER_USER * users if p95_ratio is None else p95_ratio,
        max_p99_ratio=P99_PER_USER * users if p99_ratio is None else p99_ratio,
        min_throughput=options.min_throughput,
    )


def run_facts(options: argparse.Namespace) -> dict[str, str]:
    """Facts about a run, for its report: Locust's options and these."""
    return {
        "ended": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "server": options.host,
        "load": f"{options.shape}, {options.num_users} users at the peak, {options.run_time:g} s",
        "images": options.images,
        "sent from": machine(),
        "commit": commit(),
    }
