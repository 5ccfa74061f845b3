"""`cronnx predict`: ask an image model about images, and print the answers or write them to a file."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cronnx import Client, CronnxError, Outcome
from cronnx._classification import MAX_TOP_K
from cronnx._config import DEFAULT_MODEL_NAME
from cronnx._tasks import DETECT, PREDICT, Answer
from cronnx.command_line._answer_lines import AnswerLines
from cronnx.command_line._coco import CocoArray, CocoFile
from cronnx.command_line._image_arguments import STANDARD_INPUT, images, name
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
from cronnx.command_line._records import ENCODING, ERRORS, Csv, JsonLines, Record, record
from cronnx.command_line._report import ErrorLog, ExitCode, print_error, printable, terminal_width
from cronnx.command_line._result_files import OutputError, ResultFile

if TYPE_CHECKING:
    from cronnx.command_line._annotations import AnnotatedPictures

_DESCRIPTION = """\
Ask an image model about images. The answer follows the model's task: classes, objects with boxes, masks or keypoints,
classes of pixels, an embedding or a depth. Prints one line for each class or object: path, label, score and the model
version that answered.

With --output the answers are appended to a file as they come. To resume an interrupted or killed run, give the same
command again: images with a record of the same path and model in the file are skipped. Failed images are reported on
standard error and tried again in the next run. A power failure may lose the records of the last second. A Parquet file
and COCO's results are written when the run is complete; until then the records are in FILE.partial.jsonl.
"""

_EXAMPLES = (
    "cronnx predict cat.jpg dog.jpg --top-k 3",
    "cronnx predict photos --output answers.jsonl",
    "cronnx predict 'photos/**/*.jpg' --model yolo11n --annotate drawn",
    "cronnx predict https://example.com/cat.jpg --json",
    "cat cat.jpg | cronnx predict -",
    "find photos -name '*.jpg' | cronnx predict - --output answers.csv",
)

Image: TypeAlias = "str | bytes"
"""A path, an address, or the content of standard input."""

_MOST_COUNTED = 100_000

_FORMATS = ("table", "jsonl", "csv", "parquet", "coco")
_BY_SUFFIX = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet", ".json": "coco"}
_OF_TASK = ("csv", "parquet", "coco")  # the formats whose layout follows the model's task


def add_predict(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "predict", summary="ask an image model about images", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="an image, an http(s) address, a folder with everything below it, a pattern, or - for stdin: an image, or"
        " one path or address a line",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--model-version",
        default="",
        metavar="VERSION",
        help="default: the server's choice; of an ensemble, the version of its network",
    )
    parser.add_argument(
        "--top-k",
        type=int,
        choices=range(1, MAX_TOP_K + 1),
        metavar="N",
        help=f"classes of a classification, 1 to {MAX_TOP_K}; default: 1 in a table and in CSV, else {MAX_TOP_K}",
    )
    parser.add_argument(
        "--concurrency", type=count, default=16, metavar="N", help="requests at a time; default: %(default)s"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="append to FILE.jsonl or FILE.csv; write FILE.parquet, or FILE.json with COCO's results",
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument(
        "--format",
        choices=_FORMATS,
        help="coco is COCO's results, for models that find objects; default: that of FILE's suffix, else a table",
    )
    formats.add_argument(
        "--json", action="store_const", const="jsonl", dest="format", help="print one JSON object a line"
    )
    parser.add_argument(
        "--annotate", metavar="FOLDER", help="write each image with its answer drawn on it to this folder"
    )
    add_connection(parser, several="images are spread over those that answer")
    parser.set_defaults(run=_predict)


def _predict(options: argparse.Namespace, connect: Connect) -> ExitCode:
    errors, done = ErrorLog(), Counter[str]()
    model = "/".join(filter(None, (options.model, options.model_version)))
    options.format = _format(options)
    pictures = _pictures(options.annotate)
    started_at = time.monotonic()
    with open_client(options, connect) as client, _open_output(options, _task(client, options)) as output:
        unanswered = _unanswered(images(options.paths, report=errors), model, output, done)
        with contextlib.closing(_outcomes(client, unanswered, options)) as outcomes:
            for outcome in if_reachable(outcomes):
                path = name(outcome.image)
                if outcome.answer is None:
                    errors(f"{printable(path)}: {outcome.error}")
                    continue
                if pictures:
                    _annotate(pictures, path, outcome, errors)
                output.add(record(path, model, outcome.answer, top_k=_top_k(options)))
                done["added"] += 1
        output.finish()
    if options.output:
        print_error(f"{options.output}: {done['added']} added, {done['skipped']} already there, {errors.count} failed")
    elif sys.stderr.isatty() and done["added"] + errors.count > 1:
        print_error(f"{done['added']} answered, {errors.count} failed in {time.monotonic() - started_at:.1f} s")
    return ExitCode.FAILED if errors.count else ExitCode.DONE


def _pictures(folder: str | None) -> AnnotatedPictures | None:
    if folder is None:
        return None
    from cronnx.command_line._annotations import AnnotatedPictures  # imported here because Pillow loads slowly

    return AnnotatedPictures(folder)


def _format(options: argparse.Namespace) -> str:
    """Return the format asked for, or the one of the file's suffix.

    Raises:
        OutputError: The file has another suffix, or the format needs a file.
    """
    if options.output is None:
        if options.format == "parquet":
            raise OutputError("--format parquet: expected --output FILE with it, because Parquet cannot be printed")
        return options.format or "table"
    suffix = Path(options.output).suffix
    if options.format is None and suffix not in _BY_SUFFIX:
        raise OutputError(f"{options.output}: expected --format, or a name that ends in {', '.join(_BY_SUFFIX)}")
    if options.format == "table":
        raise OutputError("--format table: expected no --output with it, because a table is only printed")
    return str(options.format or _BY_SUFFIX[suffix])


def _task(client: Client, options: argparse.Namespace) -> str:
    """Return the model's task if the format needs it; else an empty text."""
    if options.format not in _OF_TASK:
        return ""
    task = client.model(options.model).task
    if task not in PREDICT.formats:
        raise OutputError(f"--format {options.format}: expected a model with a task, got {options.model}")
    if options.format == "coco" and task not in DETECT.formats:
        raise OutputError(f"--format coco: expected a model that finds objects, got {options.model} for {task}")
    return task


def _annotate(pictures: AnnotatedPictures, path: str, outcome: Outcome[Image, Answer], errors: ErrorLog) -> None:
    if outcome.answer is None:
        return
    try:
        pictures.add(path, outcome.image, outcome.answer)
    except CronnxError as error:
        errors(f"{printable(path)}: {error}")


def _outcomes(client: Client, asked: Iterable[Image], options: argparse.Namespace) -> Generator[Outcome[Image, Answer]]:
    shows_progress = sys.stderr.isatty() and not _prints_to_terminal(options)
    if shows_progress and STANDARD_INPUT not in options.paths:
        asked = _counted(asked)
    return client.predict_many(
        asked,
        concurrency=options.concurrency,
        ordered=options.output is None,
        progress=shows_progress,
        model_name=options.model,
        model_version=options.model_version,
    )


def _counted(asked: Iterable[Image]) -> Iterable[Image]:
    """Return the images as a list, whose length gives the progress bar a total; but not if they are very many."""
    rest = iter(asked)
    first = list(itertools.islice(rest, _MOST_COUNTED))
    return first if len(first) < _MOST_COUNTED else itertools.chain(first, rest)


def _top_k(options: argparse.Namespace) -> int:
    return options.top_k or (1 if options.format in ("table", "csv") else MAX_TOP_K)


def _prints_to_terminal(options: argparse.Namespace) -> bool:
    """Return whether answers appear on the terminal, where a progress bar would be between them."""
    return not options.output and sys.stdout.isatty()


def _unanswered(found: Iterable[Image], model: str, output: Output, done: Counter[str]) -> Iterator[Image]:
    for image in found:
        if output.claim(name(image), model):
            yield image
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


def _open_output(options: argparse.Namespace, task: str) -> AbstractContextManager[Output]:
    if not options.output:
        return nullcontext(_printed(options, task))
    match options.format:
        case "jsonl":
            return ResultFile(options.output, JsonLines())
        case "csv":
            return ResultFile(options.output, Csv(task, _top_k(options)))
        case "parquet":
            return ParquetFile(options.output, task)
    return CocoFile(options.output)


def _printed(options: argparse.Namespace, task: str) -> PrintedAnswers:
    if options.format == "coco":
        array = CocoArray()
        return PrintedAnswers(array.encode, end=array.end)
    if options.format == "table":
        lines = AnswerLines(terminal_width())
        return PrintedAnswers(lambda record: f"{lines(record)}\n")
    record_format = JsonLines() if options.format == "jsonl" else Csv(task, _top_k(options))
    print(record_format.header.decode(), end="")
    return PrintedAnswers(lambda record: record_format.encode(record).decode(ENCODING, ERRORS))


class PrintedAnswers:
    """Prints every answer on standard output."""

    def __init__(self, encode: Callable[[Record], str], *, end: Callable[[], str] = str) -> None:
        """Print the texts of `encode` as the answers come, and that of `end` after the last."""
        self._encode = encode
        self._end = end
        self._file = sys.stdout  # a progress bar on standard error may replace sys.stdout later

    def claim(self, path: str, model: str) -> bool:  # noqa: ARG002 - Output's arguments
        """Return True: every answer is printed, even a repeated one."""
        return True

    def add(self, record: Record) -> None:
        """Print an answer."""
        print(self._encode(record), end="", file=self._file, flush=True)

    def finish(self) -> None:
        """Print the end."""
        print(self._end(), end="", file=self._file, flush=True)
