"""`cronnx classify`: say what images show."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager

from cronnx import Client, Outcome
from cronnx._client import DEFAULT_MODEL_NAME
from cronnx._results import MAX_TOP_K
from cronnx.command_line._complaints import Complaints, say
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._image_paths import image_paths
from cronnx.command_line._numbers import count
from cronnx.command_line._outputs import Output, open_file, standard_output
from cronnx.command_line._reachability import from_reachable
from cronnx.command_line._records import record
from cronnx.command_line._text import printable

_DESCRIPTION = """\
Say what images show: a line an image with path, label, score and the model version.

With --output the answers go into a file as they come. The same command again goes on where a run was ended, killed
(kill -9) included: an image is done once the file has a record of its path and model; what failed is not written,
but told on standard error, and tried again. A power failure may cost the records of the last second. CSV and JSON
lines are appended to; Parquet is kept in FILE.partial.jsonl until the run is complete, and then written in one step.
"""


def add_classify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "classify",
        help="say what images show",
        description=_DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="an image, a folder of images, a pattern, or - for paths on stdin"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--model-version", default="", metavar="VERSION", help="default: the server's choice")
    parser.add_argument(
        "--top-k",
        type=int,
        choices=range(1, MAX_TOP_K + 1),
        metavar="N",
        help=f"classes an image, 1 to {MAX_TOP_K}; default: 1 in a table and in CSV, else {MAX_TOP_K}",
    )
    parser.add_argument(
        "--concurrency", type=count, default=16, metavar="N", help="requests under way at a time; default: %(default)s"
    )
    destination = parser.add_mutually_exclusive_group()
    destination.add_argument("--json", action="store_true", help="print one JSON object a line")
    destination.add_argument("--output", metavar="FILE", help="add to a file: FILE.jsonl, FILE.csv or FILE.parquet")
    add_connection(parser)
    parser.set_defaults(run=_classify)


def _classify(options: argparse.Namespace, connect: Connect) -> ExitCode:
    complain, done = Complaints(), Counter[str]()
    model = "/".join(filter(None, (options.model, options.model_version)))
    with _output(options) as output, open_client(options, connect) as client:
        paths = _unclaimed(image_paths(options.paths, complain=complain), model, output, done)
        with contextlib.closing(_outcomes(client, paths, options)) as outcomes:
            for outcome in from_reachable(outcomes):
                if outcome.classification:
                    output.add(record(outcome.image, model, outcome.classification))
                    done["added"] += 1
                else:
                    complain(f"{printable(outcome.image)}: {outcome.error}")
        output.finish()
    if options.output:
        say(f"{options.output}: {done['added']} added, {done['there']} already there, {complain.count} failed")
    return ExitCode.FAILED if complain.count else ExitCode.DONE


def _outcomes(client: Client, paths: Iterable[str], options: argparse.Namespace) -> Generator[Outcome[str]]:
    return client.classify_many(
        paths,
        concurrency=options.concurrency,
        ordered=options.output is None,
        progress=sys.stderr.isatty() and not _prints_to_terminal(options),
        model_name=options.model,
        model_version=options.model_version,
        top_k=_top_k(options),
    )


def _output(options: argparse.Namespace) -> AbstractContextManager[Output]:
    if options.output:
        return open_file(options.output, top_k=_top_k(options))
    return standard_output(as_json=options.json)


def _top_k(options: argparse.Namespace) -> int:
    is_flat = options.output.endswith(".csv") if options.output else not options.json
    return options.top_k or (1 if is_flat else MAX_TOP_K)


def _prints_to_terminal(options: argparse.Namespace) -> bool:
    """Where answers appear as they come they are the progress, and a bar between them would be in the way."""
    return not options.output and sys.stdout.isatty()


def _unclaimed(paths: Iterable[str], model: str, output: Output, done: Counter[str]) -> Iterator[str]:
    for path in paths:
        if output.claim(path, model):
            yield path
        else:
            done["there"] += 1
