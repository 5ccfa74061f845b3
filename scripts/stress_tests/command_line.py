"""`scripts/overload` and `scripts/soak`: parse, test a server of their own, print."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.command_line import PICTURES, positive
from local_server import environment
from local_server.errors import SetupError
from local_server.paths import ROOT

if TYPE_CHECKING:  # needs the environment
    from stress_tests.report import Report
    from stress_tests.soak import Sample

REPORTS = ROOT / "reports"
PEAK_S = 5.0
ROUNDS = 4
SLICE_S = 10.0

OVERLOAD_EPILOG = """\
examples:
  scripts/overload
  scripts/overload --model efficientnet_lite0_ab --seconds 20

The peak is what a crowd of callers gets who wait for their answers. Four times, three times as many requests are sent,
whether answered or not, for a quarter of the time, and the peak is seen again. The page with plots is
reports/overload.html, the numbers are in reports/overload.json.
"""
SOAK_EPILOG = """\
examples:
  scripts/soak --requests 20000
  scripts/soak --model efficientnet_lite0_ab --requests 5000000

Load comes in slices of ten seconds; between two, nobody is connected, and what the server keeps then is noted. Ctrl-C
ends it earlier, with the report of what there was: reports/soak.html, with its numbers in reports/soak.json.
"""
STATUSES = "\nexit status: 0 all was held; 1 something was missed; 2 it could not be tested: usage, set-up, ...\n"


def overload() -> int:
    """Overload a server; the exit status."""
    parser = _parser("overload", "Offer a server three times what it can do, and see how it refuses.", OVERLOAD_EPILOG)
    parser.add_argument("--pictures", choices=PICTURES, default="vga", metavar="SIZE", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=positive(float), default=60.0, metavar="S", help="of overload (default: %(default)g)"
    )
    return _exit_status(parser, _overload)


def soak() -> int:
    """Soak a server; the exit status."""
    parser = _parser("soak", "Load a server for a long time, and see what it keeps of the machine.", SOAK_EPILOG)
    parser.add_argument("--pictures", choices=PICTURES, default="tiny", metavar="SIZE", help="default: %(default)s")
    parser.add_argument(
        "--requests", type=positive(int), default=200_000, metavar="N", help="to send (default: %(default)d)"
    )
    parser.add_argument(
        "--concurrency", type=positive(int), default=16, metavar="N", help="under way at a time (default: %(default)d)"
    )
    return _exit_status(parser, _soak)


def _parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"scripts/{name}",
        description=description,
        epilog=epilog + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="efficientnet_lite0", metavar="NAME", help="default: %(default)s")
    return parser


def _exit_status(parser: argparse.ArgumentParser, test: Callable[[argparse.Namespace, Path], bool]) -> int:
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C ends, SIGTERM ends
    try:
        environment.enter("serve", "bench")
        with tempfile.TemporaryDirectory() as folder:
            return 0 if test(options, Path(folder)) else 1
    except (SetupError, KeyboardInterrupt) as error:
        print(f"{parser.prog.rpartition('/')[2]}: {str(error) or 'interrupted'}", file=sys.stderr)
        return 2


def _overload(options: argparse.Namespace, folder: Path) -> bool:
    from stress_tests import overload, plots  # needs the environment
    from stress_tests.report import Report
    from stress_tests.server import places, serving

    with serving(options.model, size=options.pictures, folder=folder) as server:
        rounds = overload.measure(server, peak_s=PEAK_S, seconds=options.seconds / ROUNDS, rounds=ROUNDS)
    verdicts = overload.verdicts(rounds, places=places(options.model))
    report = Report("overload", verdicts, plots.overload_plots(rounds), {"rounds": list(map(asdict, rounds))})
    return _conclude(report, options, seconds=options.seconds)


def _soak(options: argparse.Namespace, folder: Path) -> bool:
    from stress_tests import plots, soak  # needs the environment
    from stress_tests.report import Report
    from stress_tests.server import serving

    with serving(options.model, size=options.pictures, folder=folder) as server:
        samples = soak.soak(
            server, requests=options.requests, concurrency=options.concurrency, slice_s=SLICE_S, tell=_tell
        )
    measured = {"samples": [asdict(sample) for sample in samples]}
    report = Report("soak", soak.verdicts(samples), plots.soak_plots(samples), measured)
    return _conclude(report, options, seconds=SLICE_S * len(samples))


def _tell(sample: Sample) -> None:
    memory = f"{sample.pss_bytes / 1e6:.1f} MB, {sample.shared_memory_bytes / 1e6:.1f} MB of it shared"
    latency = f"p50 {1000 * sample.p50_s:.0f} ms, p99 {1000 * sample.p99_s:.0f} ms"
    print(f"{sample.requests:>9} requests: {memory}, {sample.descriptors} descriptors, {latency}", file=sys.stderr)


def _conclude(report: Report, options: argparse.Namespace, *, seconds: float) -> bool:
    """Write the report and print its verdicts; whether all hold."""
    from benchmarks.run_facts import run_facts
    from benchmarks.tables import verdict_table

    facts = run_facts(model=options.model, note=options.pictures, rounds=1, seconds=seconds)
    print(f"{verdict_table(report.verdicts)}\n\n{report.write(REPORTS, run=facts)}")
    return all(verdict.holds for verdict in report.verdicts)
