"""`scripts/soak`: parse the options, test a server of its own and print the verdicts."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.command_line import TargetReport
from cronnx_lab.load.target import serve
from cronnx_lab.pictures import SETS, VARIED
from cronnx_lab.soak import plots, samples
from cronnx_lab.soak.samples import Sample
from cronnx_server.arguments import positive_int

SLICE_S = 10.0

EPILOG = """\
examples:
  scripts/soak --requests 20000
  scripts/soak --model efficientnet_lite0_ab --requests 5000000

The load comes in slices of ten seconds. Memory and descriptors are read between slices, when no client is connected.
Ctrl-C ends the test early and still writes the report: reports/soak.html, with the figures in reports/soak.json.
"""


def main() -> int:
    """Soak a server; the exit status."""
    parser = command_line.parser(
        "soak", "Does a server leak memory or file descriptors, or fail requests, under load for hours?", EPILOG
    )
    parser.add_argument(
        "--pictures",
        choices=SETS,
        default=VARIED,
        metavar="SET",
        help=f"pictures to send, one of {', '.join(SETS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--requests", type=positive_int, default=200_000, metavar="N", help="requests to send (default: %(default)d)"
    )
    parser.add_argument(
        "--concurrency",
        type=positive_int,
        default=16,
        metavar="N",
        help="requests in flight at a time (default: %(default)d)",
    )
    return command_line.exit_status(parser, _test)


def _test(options: argparse.Namespace, folder: Path) -> bool:
    with serve(options.model, picture_set=options.pictures, folder=folder) as target:
        taken = samples.soak(
            target,
            requests=options.requests,
            concurrency=options.concurrency,
            slice_s=SLICE_S,
            on_sample=_print,
        )
    report = TargetReport(
        name="soak",
        verdicts=samples.verdicts(taken),
        plots=plots.by_requests(taken),
        measured={"samples": [asdict(sample) for sample in taken]},
    )
    return command_line.conclude(report, options, seconds=SLICE_S * len(taken))


def _print(sample: Sample) -> None:
    memory = f"{sample.own_bytes / 1e6:.1f} MB, of which {sample.shared_memory_bytes / 1e6:.1f} MB shared"
    latency = f"p50 {1000 * sample.p50_s:.0f} ms, p99 {1000 * sample.p99_s:.0f} ms"
    print(f"{sample.requests:>9} requests: {memory}, {sample.descriptors} descriptors, {latency}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
