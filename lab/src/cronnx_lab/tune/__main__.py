"""`scripts/tune`: parse the options, tune and print."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.report import Table
from cronnx_lab.tune.candidates import Settings, instances_and_threads
from cronnx_lab.tune.halving import Standing
from cronnx_lab.tune.tuning import Stage, Tuning
from cronnx_preprocess.cores import usable_cores
from cronnx_server import environment
from cronnx_server.arguments import positive_float, positive_int
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver

HEADINGS = ("rounds", "images/s", "to present", "p50 ms", "p99 ms", "CPU ms/image", "failed", "")

EPILOG = """\
examples:
  scripts/tune
  scripts/tune efficientnet_lite2 --concurrency 32 --minutes 10
  scripts/tune --write fast && scripts/serve --profile fast

All candidates are served by one server and take turns under load. Each round includes the present settings, which
change only for a clear gain. Tuning needs an otherwise idle machine. docs/tune.md has the details.

exit status: 0 tuned, whether or not a gain was found; 1 failed; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Tune; the exit status."""
    options = _parser().parse_args()

    def tune() -> int:
        for name in options.models:
            _tune(name, options)
        return 0

    return command_line.measured("tune", tune)


def stage_table(stage: Stage) -> Table:
    """One row per candidate; the first is the present settings."""
    pairs = zip(stage.tried, stage.standings, strict=True)
    return Table((stage.step, *HEADINGS), [_row(settings, standing, stage.chosen) for settings, standing in pairs])


def summary(changes: Mapping[str, Sequence[str]], steps: Mapping[str, Path]) -> str:
    """The lines to put into each `config.pbtxt`.

    Args:
        changes: The lines, by step.
        steps: The folders of the steps.
    """
    if not changes:
        return "Keep the present settings: no candidate is clearly faster."
    return "\n".join(_block(steps[step] / "config.pbtxt", lines) for step, lines in changes.items())


def outlook(cores: int) -> str:
    """What would be tried on a machine with four times as many cores: what is fastest here need not be there.

    Args:
        cores: The cores of this machine.
    """
    more = 4 * cores
    tried = [f"{each.instances} x {each.threads or more}" for each in instances_and_threads(Settings(), cores=more)]
    return (
        f"Found on {cores} cores. On {more}, instances x threads of each step would be {', '.join(tried[:-1])} or "
        f"{tried[-1]}: tune again there."
    )


def _tune(name: str, options: argparse.Namespace) -> None:
    tuning = Tuning(name, options.model_repository or [MODEL_REPOSITORY, ENSEMBLES])
    with environment.setup_lock():
        if not options.model_repository:
            build_missing([name])
        tritonserver.distribution()
    found, stages = tuning.run(minutes=options.minutes, concurrency=options.concurrency)
    for stage in stages:
        print(f"{stage_table(stage)}\n")
    print(summary(tuning.changes(found), tuning.steps))
    print(outlook(usable_cores()))
    if options.write:
        for path in tuning.write(found, profile=options.write):
            print(f"written: {path}")


def _row(settings: Settings, standing: Standing, chosen: Settings) -> list[str]:
    return [
        str(settings),
        str(standing.rounds),
        f"{standing.images_per_s:.1f}",
        f"{standing.ratio:.2f}",
        f"{1000 * standing.p50_s:.1f}",
        f"{1000 * standing.p99_s:.1f}",
        f"{1000 * standing.cpu_s_per_image:.1f}",
        str(standing.failed),
        "chosen" if settings == chosen else "",
    ]


def _block(path: Path, lines: Sequence[str]) -> str:
    return "\n".join([f"{path}:", *(f"  {line}" for line in lines)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/tune",
        description="Which instances, threads and batching of an ensemble's steps does this machine serve fastest?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models",
        nargs="*",
        default=["efficientnet_lite0"],
        metavar="MODEL",
        help="an ensemble (default: efficientnet_lite0)",
    )
    parser.add_argument(
        "--concurrency",
        type=positive_int,
        default=16,
        metavar="N",
        help="requests in flight at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--minutes",
        type=positive_float,
        default=5,
        metavar="M",
        help="about how long to tune each model (default: %(default)s)",
    )
    parser.add_argument(
        "--write", type=_profile, metavar="PROFILE", help="write the result to configs/PROFILE.pbtxt of each step"
    )
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
        raise argparse.ArgumentTypeError(f"expected a name of letters, digits, _ and -, got '{text}'")
    return text


if __name__ == "__main__":
    sys.exit(main())
