"""`scripts/soak`: parse, test a server of its own, print."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.bench.__main__ import PICTURES, positive
from cronnx_lab.load.target import serving
from cronnx_lab.report import Report
from cronnx_lab.soak import samples as slices
from cronnx_lab.soak.samples import Sample
from cronnx_lab.stress import plots

SLICE_S = 10.0

EPILOG = """\
examples:
  scripts/soak --requests 20000
  scripts/soak --model efficientnet_lite0_ab --requests 5000000

Load comes in slices of ten seconds; between two, nobody is connected, and what the server keeps then is noted. Ctrl-C
ends it earlier, with the report of what there was: reports/soak.html, with its numbers in reports/soak.json.
"""


def main() -> int:
    """Soak a server; the exit status."""
    parser = command_line.parser("soak", "Load a server for a long time, and see what it keeps of the machine.", EPILOG)
    parser.add_argument("--pictures", choices=PICTURES, default="tiny", metavar="SIZE", help="default: %(default)s")
    parser.add_argument(
        "--requests", type=positive(int), default=200_000, metavar="N", help="to send (default: %(default)d)"
    )
    parser.add_argument(
        "--concurrency", type=positive(int), default=16, metavar="N", help="under way at a time (default: %(default)d)"
    )
    return command_line.exit_status(parser, _test)


def _test(options: argparse.Namespace, folder: Path) -> bool:
    with serving(options.model, size=options.pictures, folder=folder) as server:
        samples = slices.soak(
            server, requests=options.requests, concurrency=options.concurrency, slice_s=SLICE_S, tell=_tell
        )
    measured = {"samples": [asdict(sample) for sample in samples]}
    report = Report("soak", slices.verdicts(samples), plots.soak_plots(samples), measured)
    return command_line.conclude(report, options, seconds=SLICE_S * len(samples))


def _tell(sample: Sample) -> None:
    memory = f"{sample.pss_bytes / 1e6:.1f} MB, {sample.shared_memory_bytes / 1e6:.1f} MB of it shared"
    latency = f"p50 {1000 * sample.p50_s:.0f} ms, p99 {1000 * sample.p99_s:.0f} ms"
    print(f"{sample.requests:>9} requests: {memory}, {sample.descriptors} descriptors, {latency}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
