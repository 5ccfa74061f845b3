"""`scripts/fuzz`: parse the options, fuzz, print the tallies."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from cronnx_lab.fuzz.against_server import against_a_server
from cronnx_lab.fuzz.cost import costs
from cronnx_lab.fuzz.in_process import in_process
from cronnx_lab.fuzz.tally import Progress, report
from cronnx_server import environment
from cronnx_server.arguments import positive_int
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import CommandError

CASES = 20_000

# A costly image takes a second or more to make and to measure.
CASES_PER_COSTLY_ONE = 20

EPILOG = """\
examples:
  scripts/fuzz
  scripts/fuzz --cases 500 --seed 7
  scripts/fuzz --only server
  scripts/fuzz --only cost

Files made to cost time or memory are preprocessed, each in a process of its own: none may take more than a second of a
core or 300 MB. Damaged images are decoded and resized in this process, then sent to a server over every transport,
together with malformed requests. Each must get a right status and a message fit for a caller, no process may die, and a
sound image beside them must be answered. The same seed draws the same cases.

exit status: 0 no fault was found; 1 a fault was found, or the run failed; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Fuzz and return the exit status."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends it as Ctrl-C does
    try:
        return _fuzz(options)
    except CommandError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fuzz: interrupted; no process was left running", file=sys.stderr)
        return 130


def _fuzz(options: argparse.Namespace) -> int:
    tallies = {}
    if options.only in (None, "cost"):
        count = max(1, options.cases // CASES_PER_COSTLY_ONE)
        with Progress("Measuring what costly images cost", count) as progress:
            tallies["costly images"] = costs(count, seed=options.seed, on_case=progress.step)
    if options.only in (None, "process"):
        with Progress("Decoding and resizing damaged images", 2 * options.cases) as progress:
            tallies.update(in_process(options.cases, seed=options.seed, on_case=progress.step))
    if options.only in (None, "server"):
        with environment.setup_lock():
            build_missing([options.model])
        with Progress(f"Sending requests to a server of {options.model}", options.cases) as progress:
            tallies.update(against_a_server(options.model, options.cases, seed=options.seed, on_case=progress.step))
    print(f"seed {options.seed}\n{report(tallies)}")
    return 1 if any(tally.wrong for tally in tallies.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description="Does anything a caller can send break the preprocess backend or a server? Damaged images and "
        "malformed requests are drawn at random and sent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cases",
        type=positive_int,
        default=CASES,
        metavar="N",
        help="the number of cases of each kind, and of costly images a twentieth (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), metavar="N", help="default: random")
    parser.add_argument(
        "--only",
        choices=("cost", "process", "server"),
        help="only measure costly images, only fuzz this process, or only a server",
    )
    parser.add_argument("--model", default="efficientnet_lite0", help="the ensemble to send to (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
