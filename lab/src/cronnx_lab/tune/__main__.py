"""`scripts/tune`: parse, tune and print."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path

from cronnx_lab.bench.__main__ import positive
from cronnx_lab.tune.report import stage_table, summary
from cronnx_lab.tune.tuning import Tuning
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import CommandError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver

EPILOG = """\
examples:
  scripts/tune
  scripts/tune efficientnet_lite2 --concurrency 32 --minutes 10
  scripts/tune --write fast && scripts/serve --profile fast

Candidates are served side by side and take turns under load; the present settings are among them in every round, and
what is not clearly better changes nothing. It wants the machine for itself. docs/tune.md says more.

exit status: 0 tuned, whatever was found; 1 it could not be; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Tune; the exit status."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C ends, SIGTERM ends
    try:
        for name in options.models:
            _tune(name, options)
    except CommandError as error:
        print(f"tune: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tune: interrupted; nothing is left running", file=sys.stderr)
        return 130
    return 0


def _tune(name: str, options: argparse.Namespace) -> None:
    tuning = Tuning(name, options.model_repository or [MODEL_REPOSITORY, ENSEMBLES])
    with environment.setup_lock():
        if not options.model_repository:
            build_missing([name])
        tritonserver.distribution()
    found, tuned = tuning.run(minutes=options.minutes, concurrency=options.concurrency)
    for stage in tuned:
        print(f"{stage_table(stage)}\n")
    print(summary(tuning.changes(found), tuning.steps))
    if options.write:
        for path in tuning.write(found, profile=options.write):
            print(f"written: {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/tune",
        description="Find the settings of an ensemble's steps that this machine serves fastest with.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models", nargs="*", default=["efficientnet_lite0"], metavar="MODEL", help="an ensemble (efficientnet_lite0)"
    )
    parser.add_argument(
        "--concurrency", type=positive(int), default=16, metavar="N", help="requests at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=positive(float), default=5, metavar="M", help="for each model, about (default: %(default)s)"
    )
    parser.add_argument("--write", type=_profile, metavar="PROFILE", help="write configs/PROFILE.pbtxt of the steps")
    parser.add_argument(
        "--model-repository",
        action="append",
        type=Path,
        metavar="DIR",
        help="tune a model of this repository instead of the project's; repeatable",
    )
    return parser


def _profile(text: str) -> str:
    if not re.fullmatch(r"\w[\w-]*", text):
        raise argparse.ArgumentTypeError(f"'{text}' came, a name of letters, digits, _ and - is expected")
    return text


if __name__ == "__main__":
    sys.exit(main())
