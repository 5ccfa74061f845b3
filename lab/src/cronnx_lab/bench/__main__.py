"""`scripts/bench`: parse the options, measure and print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cronnx_lab import command_line
from cronnx_lab.bench import backend_overhead, detector, steps, variants
from cronnx_lab.bench.comparison import ComparisonOptions, compare
from cronnx_lab.pictures import MAIN, SIZES
from cronnx_lab.run_facts import machine
from cronnx_server.arguments import positive_float, positive_int
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import MODEL_REPOSITORY

MODEL = "efficientnet_lite0"
CONCURRENCY = (1, 4, 16, 64)
ONE_CONCURRENCY = 16
ROUNDS, SECONDS = 6, 2.0
QUICK_ROUNDS, QUICK_SECONDS, QUICK_CONCURRENCY = 1, 0.5, (1, 16)

EPILOG = """\
examples:
  scripts/bench
  scripts/bench --quick
  scripts/bench --note "two instances of preprocess"
  scripts/bench --versions 1 --pictures vga --concurrency 1 16
  scripts/bench --backend-overhead
  scripts/bench --detector yolo11n.onnx --rounds 6 --seconds 10
  scripts/bench --steps efficientnet_lite0 resnet50 --pictures vga 12mp --rounds 5
  scripts/bench --metrics-cost --rounds 20
  scripts/bench --profile cuda tensorrt --concurrency 64

The contenders take turns for a few seconds each, in several rounds, so that each comparison is between measurements of
the same round. A full run takes about ten minutes and needs an otherwise idle machine. It prints a table of targets
and writes a page with plots and the raw measurements to reports/.

exit status: 0 measured, whether or not the targets are met; 1 failed; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Measure; the exit status."""
    parser = _parser()
    options = parser.parse_args()
    if problem := refusal(options):
        parser.error(problem)
    lost = "all processes are stopped and nothing was recorded"
    return command_line.measured("bench", lambda: _bench(options), interrupted=lost)


def _bench(options: argparse.Namespace) -> int:
    MODES[_mode(options)].measure(options)
    return 0


def _comparison(options: argparse.Namespace) -> None:
    comparison = ComparisonOptions(
        model=options.model or MODEL,
        versions=options.versions,
        pictures=_pictures(options),
        concurrency=sorted(set(options.concurrency or (QUICK_CONCURRENCY if options.quick else CONCURRENCY))),
        rounds=_rounds(options),
        seconds=_seconds(options),
        note=options.note,
    )
    print(compare(comparison))


def _detector(options: argparse.Namespace) -> None:
    chosen = detector.DetectorOptions(
        file=options.detector,
        picture=_pictures(options)[0],
        concurrency=_one_concurrency(options),
        rounds=_rounds(options),
        seconds=_seconds(options),
    )
    print(detector.compare(chosen))


def _steps(options: argparse.Namespace) -> None:
    chosen = steps.StepsOptions(
        ensembles=list(dict.fromkeys(options.steps)),
        pictures=_pictures(options),
        concurrency=_one_concurrency(options),
        rounds=_rounds(options),
        seconds=_seconds(options),
    )
    print(steps.measure(chosen))


def _backend_overhead(options: argparse.Namespace) -> None:
    model = options.model or MODEL
    path = MODEL_REPOSITORY / f"{model}_onnx" / "1" / "model.onnx"
    if not path.exists():
        raise RepositoryError(f"there is no {path}; build it with scripts/build_models {model}")
    for line in backend_overhead.table(path):
        print(line, flush=True)


def _variants(options: argparse.Namespace) -> None:
    chosen = variants.profile_variants(options.profile) if options.profile else variants.METRICS_VARIANTS
    load = variants.VariantLoad(
        model=options.model or MODEL,
        picture=_pictures(options)[0],
        concurrency=_one_concurrency(options),
        rounds=_rounds(options),
        seconds=_seconds(options),
    )
    print(variants.table(chosen, load, what="profile" if options.profile else "metrics"))
    print(f"{load.model}, concurrency {load.concurrency}, {load.rounds} rounds; {machine()}")


def _pictures(options: argparse.Namespace) -> list[str]:
    return list(dict.fromkeys(options.pictures or SIZES))


def _one_concurrency(options: argparse.Namespace) -> int:
    return int((options.concurrency or [ONE_CONCURRENCY])[0])


def _rounds(options: argparse.Namespace) -> int:
    return int(options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS))


def _seconds(options: argparse.Namespace) -> float:
    return float(options.seconds or (QUICK_SECONDS if options.quick else SECONDS))


class Mode(NamedTuple):
    """A kind of measurement, and the options that go with it.

    Attributes:
        measure: Measures and prints.
        takes: The names of the options.
        takes_one: Those of them that may have only one value here.
    """

    measure: Callable[[argparse.Namespace], None]
    takes: tuple[str, ...]
    takes_one: tuple[str, ...] = ()


COMPARISON = "comparison"
LOAD = ("pictures", "concurrency", "rounds", "seconds", "quick")
ONE_LOAD = ("pictures", "concurrency")
MODES = {
    COMPARISON: Mode(_comparison, ("model", "versions", "note", *LOAD)),
    "backend_overhead": Mode(_backend_overhead, ("model",)),
    "detector": Mode(_detector, LOAD, ONE_LOAD),
    "steps": Mode(_steps, LOAD, ("concurrency",)),
    "metrics_cost": Mode(_variants, ("model", *LOAD), ONE_LOAD),
    "profile": Mode(_variants, ("model", *LOAD), ONE_LOAD),
}
"""By the name of the option that chooses it; the comparison if none does. The comparison takes every other option."""


def refusal(options: argparse.Namespace) -> str:
    """Why these options do not go together, and what does; empty if they do."""
    name = _mode(options)
    _, takes, takes_one = MODES[name]
    for option in MODES[COMPARISON].takes:
        given = getattr(options, option)
        if given and option not in takes:
            return f"{_flag(option)} does not go with {_flag(name)}, which takes {', '.join(map(_flag, takes))}"
        if given and option in takes_one and len(given) > 1:
            return f"expected one value of {_flag(option)} with {_flag(name)}, got {' '.join(map(str, given))}"
    return ""


def _mode(options: argparse.Namespace) -> str:
    return next((name for name in MODES if getattr(options, name, None)), COMPARISON)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="How fast is a served ensemble, compared with the limit of this machine and with a FastAPI server?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", metavar="NAME", help=f"the ensemble to measure (default: {MODEL})")
    parser.add_argument(
        "--versions",
        nargs="+",
        type=positive_int,
        metavar="N",
        help="versions of the model (default: all built ones)",
    )
    parser.add_argument(
        "--pictures",
        nargs="+",
        choices=tuple(SIZES),
        metavar="SIZE",
        help=f"one or more of {', '.join(SIZES)}; the first is measured at every concurrency, the others at one "
        "(default: all)",
    )
    parser.add_argument(
        "--concurrency",
        nargs="+",
        type=positive_int,
        metavar="N",
        help="requests in flight at a time (default: 1 4 16 64; with --quick: 1 16)",
    )
    parser.add_argument(
        "--rounds",
        type=positive_int,
        metavar="N",
        help=f"how often to measure everything (default: {ROUNDS}; with --quick: {QUICK_ROUNDS})",
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        metavar="S",
        help=f"length of each measurement (default: {SECONDS:g}; with --quick: {QUICK_SECONDS:g})",
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="add the run to docs/benchmarks/history.md")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a short run to see that everything works; its figures mean little",
    )
    _add_modes(parser)
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "measurements instead of the comparison",
        "Each takes some of the options above and refuses the others. Here --concurrency is one number "
        f"(default: {ONE_CONCURRENCY}).",
    )
    modes = group.add_mutually_exclusive_group()
    modes.add_argument(
        "--backend-overhead",
        action="store_true",
        help="what the onnxruntime stand-in adds to a request, against version 1 of the model",
    )
    modes.add_argument(
        "--detector",
        type=Path,
        metavar="FILE",
        help="a detector, an ONNX file of Ultralytics without suppression, against FastAPI and against the raw graph "
        f"with a client that does the rest, with one of --pictures (default: {MAIN})",
    )
    modes.add_argument(
        "--steps",
        nargs="+",
        metavar="ENSEMBLE",
        help="where the time of a request of one caller goes, for each of these ensembles with the first of "
        "--pictures, and for the first ensemble with the others; and the CPU time of an image at --concurrency",
    )
    modes.add_argument(
        "--metrics-cost",
        action="store_true",
        help=f"what each kind of metric costs, with one of --pictures (default: {MAIN})",
    )
    modes.add_argument(
        "--profile",
        nargs="+",
        metavar="NAME",
        help="the profiles configs/NAME.pbtxt against the default, with the same load as --metrics-cost",
    )


if __name__ == "__main__":
    sys.exit(main())
