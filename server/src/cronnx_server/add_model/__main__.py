"""The command line of `scripts/add_model`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cronnx_server import environment
from cronnx_server.add_model.addition import add, is_live
from cronnx_server.add_model.options import DEFAULT_MAX_BATCH_SIZE, Options
from cronnx_server.arguments import http_url
from cronnx_server.errors import CommandError, NoAnswerError

LOCAL_SERVER = "http://127.0.0.1:8000"
EPILOG = """\
examples:
  scripts/add_model resnet.onnx --name resnet --labels imagenet
  scripts/add_model plants.onnx --name plants --labels plants.txt --size 192 --mean 0.5 0.5 0.5 --std 0.5 0.5 0.5
  scripts/add_model detector.onnx --name detector --raw

Exit status: 0 the model is added, and loaded if a server answers; 1 it is not, and one line says why; 2 usage.
If the name exists, the file becomes its next version. Clients get it after `cronnx promote`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Add a model; the exit status. Without arguments, those of the process."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.std and 0 in options.std:
        parser.error("argument --std: expected numbers above 0, got 0")
    try:
        with environment.setup_lock():
            _add(options)
    except CommandError as error:
        print(f"add_model: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("add_model: interrupted; no model is incomplete", file=sys.stderr)
        return 130
    return 0


def _add(parsed: argparse.Namespace) -> None:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in vars(parsed).items()
    }
    chosen: str | None = given.pop("url")
    url = (chosen or LOCAL_SERVER).rstrip("/")
    live = is_live(url)
    if chosen and not live:
        raise NoAnswerError(f"no server answers at {url}; start one with scripts/serve, or omit --url")
    for paragraph in add(Options(**given), url=url if live else None):
        print(f"{paragraph}\n", flush=True)
    if not live:
        print(f"no server answers at {url}; scripts/serve starts one", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/add_model",
        description="Add an ONNX file: an image classifier becomes a model that takes image files; "
        "with --raw, any graph is served unchanged.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the ONNX file, with its external data beside it")
    parser.add_argument("--name", required=True, help="the name that clients use")
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="a text file with one label per line, a JSON list, or the word imagenet (default: 'class 0', 'class 1' …)",
    )
    parser.add_argument(
        "--size", type=_count, metavar="PIXELS", help="height and width of an image (default: the size of the graph)"
    )
    for option, values in (("--mean", "0.485 0.456 0.406"), ("--std", "0.229 0.224 0.225")):
        parser.add_argument(
            option,
            nargs=3,
            type=_fraction,
            metavar=("R", "G", "B"),
            help=f"for pixels scaled to [0, 1] (default: ImageNet's {values})",
        )
    parser.add_argument(
        "--max-batch-size", type=_count, metavar="N", help=f"the largest batch (default: {DEFAULT_MAX_BATCH_SIZE})"
    )
    parser.add_argument(
        "--max-queue-delay-ms", type=_delay, metavar="MS", help="the longest wait for a fuller batch (default: 0)"
    )
    parser.add_argument("--raw", action="store_true", help="serve the graph unchanged, with its own inputs and outputs")
    parser.add_argument(
        "--url", type=http_url, help=f"the server that loads the model (default: {LOCAL_SERVER}, if it answers)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 65535, got '{text}'")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got '{text}'") from None


def _fraction(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}; divide values for bytes by 255")
    return number


def _delay(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 60_000:
        raise argparse.ArgumentTypeError(f"expected milliseconds from 0 to 60000, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
