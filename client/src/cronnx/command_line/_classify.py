"""`cronnx classify`: classify images, and print the answers or write them to a file."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from rich.cells import cell_len

from cronnx import Client, Outcome
from cronnx._classification import MAX_TOP_K
from cronnx._config import DEFAULT_MODEL_NAME
from cronnx.command_line._image_paths import image_paths
from cronnx.command_line._options import (
    Commands,
    Connect,
    add_command,
    add_connection,
    count,
    if_reachable,
    open_client,
)
from cronnx.command_line._parquet import ParquetFile
from cronnx.command_line._records import Csv, JsonLines, Record, record
from cronnx.command_line._report import ErrorLog, ExitCode, fitted, padded, print_error, printable
from cronnx.command_line._result_files import OutputError, ResultFile

_DESCRIPTION = """\
Classify images. Prints one line an image: path, label, score and the model version that answered.

With --output the answers are appended to a file as they come. To resume an interrupted or killed run, give the same
command again: images with a record of the same path and model in the file are skipped. Failed images are reported on
standard error and tried again in the next run. A power failure may lose the records of the last second. A Parquet file
is written when the run is complete; until then its records are in FILE.partial.jsonl.
"""

_FILE_SUFFIXES = (".jsonl", ".csv", ".parquet")

_LABEL_WIDTH, _SCORE_WIDTH, _GAP = 32, 6, "  "
_SHARES = (0.40, 0.35, 0.25)  # of a terminal's width, for path, label and model version


def add_classify(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "classify", summary="classify images", description=_DESCRIPTION)
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
        "--concurrency", type=count, default=16, metavar="N", help="requests at a time; default: %(default)s"
    )
    destination = parser.add_mutually_exclusive_group()
    destination.add_argument("--json", action="store_true", help="print one JSON object a line")
    destination.add_argument("--output", metavar="FILE", help="append to a file: FILE.jsonl, FILE.csv or FILE.parquet")
    add_connection(parser)
    parser.set_defaults(run=_classify)


def _classify(options: argparse.Namespace, connect: Connect) -> ExitCode:
    errors, done = ErrorLog(), Counter[str]()
    model = "/".join(filter(None, (options.model, options.model_version)))
    with _open_output(options) as output, open_client(options, connect) as client:
        paths = _unanswered(image_paths(options.paths, report=errors), model, output, done)
        with contextlib.closing(_outcomes(client, paths, options)) as outcomes:
            for outcome in if_reachable(outcomes):
                if outcome.classification:
                    output.add(record(outcome.image, model, outcome.classification))
                    done["added"] += 1
                else:
                    errors(f"{printable(outcome.image)}: {outcome.error}")
        output.finish()
    if options.output:
        print_error(f"{options.output}: {done['added']} added, {done['skipped']} already there, {errors.count} failed")
    return ExitCode.FAILED if errors.count else ExitCode.DONE


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


def _top_k(options: argparse.Namespace) -> int:
    is_flat = options.output.endswith(".csv") if options.output else not options.json
    return options.top_k or (1 if is_flat else MAX_TOP_K)


def _prints_to_terminal(options: argparse.Namespace) -> bool:
    """Return whether answers appear on the terminal, where a progress bar would be between them."""
    return not options.output and sys.stdout.isatty()


def _unanswered(paths: Iterable[str], model: str, output: Output, done: Counter[str]) -> Iterator[str]:
    for path in paths:
        if output.claim(path, model):
            yield path
        else:
            done["skipped"] += 1


class Output(Protocol):
    """Takes the answers as they come."""

    def claim(self, path: str, model: str) -> bool:
        """Return whether an image still needs an answer, and reserve it for this run."""

    def add(self, record: Record) -> None:
        """Take an answer."""

    def finish(self) -> None:
        """Complete the output after the last image."""


def _open_output(options: argparse.Namespace) -> AbstractContextManager[Output]:
    if not options.output:
        return nullcontext(PrintedAnswers(json.dumps if options.json else AnswerLines(_terminal_width())))
    match Path(options.output).suffix:
        case ".jsonl":
            return ResultFile(options.output, JsonLines())
        case ".csv":
            return ResultFile(options.output, Csv(_top_k(options)))
        case ".parquet":
            return ParquetFile(options.output)
    raise OutputError(f"{options.output}: expected a name that ends in {', '.join(_FILE_SUFFIXES)}")


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class PrintedAnswers:
    """Prints every answer on standard output."""

    def __init__(self, as_text: Callable[[Record], str]) -> None:
        self._as_text = as_text
        self._file = sys.stdout  # a progress bar on standard error may replace sys.stdout later

    def claim(self, path: str, model: str) -> bool:  # noqa: ARG002 - Output's arguments
        """Return True: every answer is printed, even a repeated one."""
        return True

    def add(self, record: Record) -> None:
        """Print an answer."""
        print(self._as_text(record), file=self._file, flush=True)

    def finish(self) -> None:
        """Do nothing: every answer is already printed."""


class AnswerLines:
    """Formats answers as table rows: path, label, score and model version of the best class, then the other classes.

    On a terminal the columns share its width and long text is cut. Elsewhere nothing is cut, and the path column is as
    wide as the longest path so far.
    """

    def __init__(self, terminal_width: int | None) -> None:
        """Lay out a table for a terminal of this width, or for a file or pipe if it is None."""
        shared = max(40, terminal_width or 0) - _SCORE_WIDTH - 3 * len(_GAP)
        self._place = padded if terminal_width is None else fitted
        self._widths = [0, _LABEL_WIDTH, 0] if terminal_width is None else [int(shared * part) for part in _SHARES]

    def __call__(self, record: Record) -> str:
        """Return the lines of an answer."""
        path = printable(record["path"])
        if self._place is padded:
            self._widths[0] = max(self._widths[0], cell_len(path))
        columns = [("", scored, "") for scored in record["top"]]
        columns[0] = (path, record["top"][0], printable(record["served_by"]))
        return "\n".join(self._line(*each) for each in columns)

    def _line(self, path: str, scored: Record, served_by: str) -> str:
        placed = map(self._place, (path, printable(scored["label"]), served_by), self._widths)
        path, label, served_by = placed
        return _GAP.join((path, label, f"{scored['score']:{_SCORE_WIDTH}.1%}", served_by)).rstrip()
