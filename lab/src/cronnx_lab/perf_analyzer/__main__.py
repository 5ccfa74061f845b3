"""`scripts/perf_analyzer`: write the input data of a model, print the exact call and run it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path

from cronnx import Client, CronnxError
from cronnx_lab.address import add_url, parse_url
from cronnx_lab.perf_analyzer.inputs import input_data, inputs_of
from cronnx_lab.perf_analyzer.program import perf_analyzer
from cronnx_lab.pictures import read_folder
from cronnx_lab.report import REPORTS
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole
from cronnx_server.paths import PICTURES

MOST_IMAGES = 64

EPILOG = """\
examples:
  scripts/perf_analyzer
  scripts/perf_analyzer --model efficientnet_lite2 --concurrency 8 --dry-run
  scripts/perf_analyzer --url http://127.0.0.1:8000 --images photos --concurrency 1:16:5
  scripts/perf_analyzer -- --percentile=95 --measurement-interval=2000

The server must be running. The input data, one entry for each picture, is in reports/perf_analyzer/MODEL.json.
All flags: https://github.com/triton-inference-server/perf_analyzer/blob/main/docs/cli.md
exit status: that of perf_analyzer; 2 if it could not start.
"""


def main() -> int:
    """Print the call and become perf_analyzer; the exit status if it does not run."""
    arguments = sys.argv[1:]
    separator = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:separator])
    try:
        inputs = _write_inputs(options)
        program = perf_analyzer()
    except (CommandError, CronnxError, OSError) as error:
        print(f"perf_analyzer: {error}", file=sys.stderr)
        return 2
    command = program.command(
        options.model,
        parse_url(options.url),
        concurrency=options.concurrency,
        inputs=inputs,
        flags=arguments[separator + 1 :],
    )
    call = f"LD_LIBRARY_PATH={shlex.quote(str(program.libraries))} {shlex.join(command)}"
    print(call.replace(" --", " \\\n  --"))
    if not options.dry_run:
        sys.stdout.flush()
        os.execve(command[0], command, program.environment())  # noqa: S606 - the locked package's
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/perf_analyzer",
        usage="%(prog)s [options] [-- PERF_ANALYZER_FLAGS]",
        description="Measure a model with NVIDIA's perf_analyzer: make its input data from pictures, print the exact "
        "call and run it. The first run downloads perf_analyzer.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="efficientnet_lite0", metavar="NAME", help="default: %(default)s")
    add_url(parser)
    parser.add_argument(
        "--images",
        type=Path,
        default=PICTURES,
        metavar="DIR",
        help=f"the folder whose first {MOST_IMAGES} images are sent (default: scripts/pictures)",
    )
    parser.add_argument(
        "--concurrency",
        type=concurrency,
        default="1:16:5",
        metavar="N[:END[:STEP]]",
        help="requests in flight at a time; one measurement for each (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the call and run nothing")
    return parser


def _write_inputs(options: argparse.Namespace) -> Path:
    """Write the input data of the model; the file."""
    with Client(options.url) as client:
        inputs = inputs_of(client.model(options.model))
    path = REPORTS / "perf_analyzer" / f"{options.model}.json"
    write_whole(path, input_data(read_folder(options.images)[:MOST_IMAGES], inputs).encode())
    return path


def concurrency(text: str) -> str:
    """Read a number of requests, or a range of them."""
    if not re.fullmatch(r"[1-9]\d*(:[1-9]\d*){0,2}", text):
        raise argparse.ArgumentTypeError(f"expected N, N:END or N:END:STEP, each a whole number from 1, got '{text}'")
    return text


if __name__ == "__main__":
    sys.exit(main())
