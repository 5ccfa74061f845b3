"""`scripts/fuzz`: parse, run, print."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from cronnx_lab.fuzz.fuzzing import against_a_server, in_process
from cronnx_lab.fuzz.report import Progress, report
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import CommandError

CASES = 20_000

EPILOG = """\
examples:
  scripts/fuzz
  scripts/fuzz --cases 500 --seed 7
  scripts/fuzz --only server

Damaged pictures are decoded and resized in this process, then sent to a server by every way in, malformed requests
among them; each must get its right status and a message fit for a caller, no process may die, and a sound picture
beside them must be answered. The same seed draws the same cases.

exit status: 0 nothing was wrong; 1 something was, or it could not be run; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Fuzz; the exit status."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C ends, SIGTERM ends
    try:
        return _fuzz(options)
    except CommandError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fuzz: interrupted; nothing is left running", file=sys.stderr)
        return 130


def _fuzz(options: argparse.Namespace) -> int:
    tallies = {}
    if options.only != "server":
        with Progress("Decoding and resizing damaged pictures", 2 * options.cases) as progress:
            tallies.update(in_process(options.cases, seed=options.seed, seen=progress.step))
    if options.only != "process":
        with environment.setup_lock():
            build_missing([options.model])
        with Progress(f"Asking a server of {options.model}", options.cases) as progress:
            tallies.update(against_a_server(options.model, options.cases, seed=options.seed, seen=progress.step))
    print(f"seed {options.seed}\n{report(tallies)}")
    return 1 if any(tally.wrong for tally in tallies.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description="Put damaged pictures and malformed requests to the preprocess backend and to a server.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=_count, default=CASES, metavar="N", help="of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), metavar="N", help="default: drawn")
    parser.add_argument("--only", choices=("process", "server"), help="leave the other out")
    parser.add_argument("--model", default="efficientnet_lite0", help="the ensemble asked (default: %(default)s)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' came, a number of cases, at least 1, is expected")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
