"""`scripts/bench`: parse, measure and print."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable

from cronnx_lab.bench import metrics_cost, profiles
from cronnx_lab.bench import variants as server_kinds
from cronnx_lab.bench.backend_overhead import table
from cronnx_lab.bench.comparison import Bench, bench
from cronnx_lab.run_facts import machine
from cronnx_server.errors import CommandError, SetupError
from cronnx_server.paths import MODEL_REPOSITORY

CONCURRENCY = (1, 4, 16, 64)
PICTURES = ("vga", "tiny", "12mp")
ROUNDS, SECONDS = 6, 2.0
KINDS_CONCURRENCY = 16
QUICK_ROUNDS, QUICK_SECONDS, QUICK_CONCURRENCY = 1, 0.5, (1, 16)

EPILOG = """\
examples:
  scripts/bench
  scripts/bench --quick
  scripts/bench --note "two instances of preprocess"
  scripts/bench --versions 1 --pictures vga --concurrency 1 16
  scripts/bench --backend-overhead
  scripts/bench --metrics-cost --rounds 20
  scripts/bench --profile cuda tensorrt --concurrency 64

Legs of a few seconds take turns, round after round; what is compared is measured side by side. A full run takes about
ten minutes and wants the machine for itself. It ends in a table of targets, and leaves a page with plots and the raw
measurements in reports/.

exit status: 0 measured, whatever the verdicts; 1 it could not be; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Measure; the exit status."""
    parser = _parser()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C ends, SIGTERM ends
    try:
        return _bench(options)
    except CommandError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; nothing is left running, and nothing was recorded", file=sys.stderr)
        return 130


def _bench(options: argparse.Namespace) -> int:
    if options.backend_overhead:
        return _backend_overhead(options.model)
    if options.metrics_cost or options.profile:
        return _server_kinds(options)
    quick = options.quick
    print(
        bench(
            Bench(
                model=options.model,
                versions=options.versions,
                pictures=list(dict.fromkeys(options.pictures)),
                concurrency=sorted(set(options.concurrency or (QUICK_CONCURRENCY if quick else CONCURRENCY))),
                rounds=options.rounds or (QUICK_ROUNDS if quick else ROUNDS),
                seconds=options.seconds or (QUICK_SECONDS if quick else SECONDS),
                note=options.note,
            )
        )
    )
    return 0


def _backend_overhead(model: str) -> int:
    path = MODEL_REPOSITORY / f"{model}_onnx" / "1" / "model.onnx"
    if not path.exists():
        raise SetupError(f"there is no {path}: scripts/build_models {model}")
    for line in table(path):
        print(line, flush=True)
    return 0


def _server_kinds(options: argparse.Namespace) -> int:
    kinds = profiles.kinds(options.profile) if options.profile else metrics_cost.KINDS
    quick = options.quick
    load = server_kinds.Load(
        model=options.model,
        picture=options.pictures[0],
        concurrency=max(options.concurrency or [KINDS_CONCURRENCY]),
        rounds=options.rounds or (QUICK_ROUNDS if quick else ROUNDS),
        seconds=options.seconds or (QUICK_SECONDS if quick else SECONDS),
    )
    print(server_kinds.table(kinds, load, what="profile" if options.profile else "metrics"))
    print(f"{load.model}, {load.concurrency} at a time, {load.rounds} rounds; {machine()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure a served ensemble against the machine's limit and a FastAPI server, turn by turn.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="efficientnet_lite0", metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--versions", nargs="+", type=positive(int), metavar="N", help="of the model (default: all that are built)"
    )
    parser.add_argument(
        "--pictures",
        nargs="+",
        choices=PICTURES,
        default=PICTURES,
        metavar="SIZE",
        help=f"of {', '.join(PICTURES)}; the first at every concurrency, the others at one (default: all)",
    )
    parser.add_argument(
        "--concurrency", nargs="+", type=positive(int), metavar="N", help="default: 1 4 16 64; quick: 1 16"
    )
    parser.add_argument("--rounds", type=positive(int), metavar="N", help=f"default: {ROUNDS}; quick: {QUICK_ROUNDS}")
    parser.add_argument(
        "--seconds", type=positive(float), metavar="S", help=f"a leg; default: {SECONDS:g}; quick: {QUICK_SECONDS:g}"
    )
    parser.add_argument(
        "--note", default="", metavar="TEXT", help="put the run on record in docs/benchmarks/history.md"
    )
    parser.add_argument(
        "--backend-overhead",
        action="store_true",
        help="measure only what the onnxruntime stand-in adds to a request, against version 1 of the model",
    )
    parser.add_argument(
        "--metrics-cost",
        action="store_true",
        help="measure only what each kind of metric costs: one set of pictures at one concurrency, the highest or 16",
    )
    parser.add_argument(
        "--profile",
        nargs="+",
        metavar="NAME",
        help="measure only what configs/NAME.pbtxt gives over the default: pictures and concurrency likewise",
    )
    parser.add_argument("--quick", action="store_true", help="see that it works; its figures mean little")
    return parser


def positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """An argument's type: a finite number above zero."""

    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"'{text}' came, a number above zero is expected")
        return number

    return parse


if __name__ == "__main__":
    sys.exit(main())
