"""`scripts/bench`: parse the options, measure and print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.bench import backend_overhead, detector, steps, variants
from cronnx_lab.bench.comparison import ComparisonOptions, compare
from cronnx_lab.pictures import SIZES
from cronnx_lab.run_facts import machine
from cronnx_server.arguments import positive_float, positive_int
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import MODEL_REPOSITORY

CONCURRENCY = (1, 4, 16, 64)
ROUNDS, SECONDS = 6, 2.0
VARIANT_CONCURRENCY = 16
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
    options = _parser().parse_args()
    lost = "all processes are stopped and nothing was recorded"
    return command_line.measured("bench", lambda: _bench(options), interrupted=lost)


def _bench(options: argparse.Namespace) -> int:
    if options.detector:
        return _detector(options)
    if options.steps:
        return _steps(options)
    if options.backend_overhead:
        return _backend_overhead(options.model)
    if options.metrics_cost or options.profile:
        return _variants(options)
    comparison = ComparisonOptions(
        model=options.model,
        versions=options.versions,
        pictures=list(dict.fromkeys(options.pictures)),
        concurrency=sorted(set(options.concurrency or (QUICK_CONCURRENCY if options.quick else CONCURRENCY))),
        rounds=_rounds(options),
        seconds=_seconds(options),
        note=options.note,
    )
    print(compare(comparison))
    return 0


def _rounds(options: argparse.Namespace) -> int:
    return int(options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS))


def _seconds(options: argparse.Namespace) -> float:
    return float(options.seconds or (QUICK_SECONDS if options.quick else SECONDS))


def _detector(options: argparse.Namespace) -> int:
    print(
        detector.compare(
            detector.DetectorOptions(
                file=options.detector,
                picture=options.pictures[0],
                concurrency=max(options.concurrency or [VARIANT_CONCURRENCY]),
                rounds=_rounds(options),
                seconds=_seconds(options),
                note=options.note,
            )
        )
    )
    return 0


def _steps(options: argparse.Namespace) -> int:
    print(
        steps.measure(
            steps.StepsOptions(
                ensembles=list(dict.fromkeys(options.steps)),
                pictures=list(dict.fromkeys(options.pictures)),
                concurrency=max(options.concurrency or [VARIANT_CONCURRENCY]),
                rounds=_rounds(options),
                seconds=_seconds(options),
                note=options.note,
            )
        )
    )
    return 0


def _backend_overhead(model: str) -> int:
    path = MODEL_REPOSITORY / f"{model}_onnx" / "1" / "model.onnx"
    if not path.exists():
        raise RepositoryError(f"there is no {path}; build it with scripts/build_models {model}")
    for line in backend_overhead.table(path):
        print(line, flush=True)
    return 0


def _variants(options: argparse.Namespace) -> int:
    chosen = variants.profile_variants(options.profile) if options.profile else variants.METRICS_VARIANTS
    load = variants.VariantLoad(
        model=options.model,
        picture=options.pictures[0],
        concurrency=max(options.concurrency or [VARIANT_CONCURRENCY]),
        rounds=_rounds(options),
        seconds=_seconds(options),
    )
    print(variants.table(chosen, load, what="profile" if options.profile else "metrics"))
    print(f"{load.model}, concurrency {load.concurrency}, {load.rounds} rounds; {machine()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="How fast is a served ensemble, compared with the limit of this machine and with a FastAPI server?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", default="efficientnet_lite0", metavar="NAME", help="the ensemble to measure (default: %(default)s)"
    )
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
        default=tuple(SIZES),
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
        "--backend-overhead",
        action="store_true",
        help="measure only what the onnxruntime stand-in adds to a request, against version 1 of the model",
    )
    parser.add_argument(
        "--detector",
        type=Path,
        metavar="FILE",
        help="measure only a detector, an ONNX file of Ultralytics without suppression, against FastAPI and against "
        f"the raw graph with a client that does the rest (concurrency: {VARIANT_CONCURRENCY})",
    )
    parser.add_argument(
        "--steps",
        nargs="+",
        metavar="ENSEMBLE",
        help="measure only where the time of a request of one caller goes, for each of these ensembles with the first "
        "of --pictures, and for the first ensemble with the others; and the CPU time of an image at the highest "
        f"--concurrency (default: {VARIANT_CONCURRENCY})",
    )
    parser.add_argument(
        "--metrics-cost",
        action="store_true",
        help="measure only what each kind of metric costs, with the first of --pictures at the highest --concurrency "
        f"(default: {VARIANT_CONCURRENCY})",
    )
    parser.add_argument(
        "--profile",
        nargs="+",
        metavar="NAME",
        help="measure only the profiles configs/NAME.pbtxt against the default, with the same load as --metrics-cost",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a short run to see that everything works; its figures mean little",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
