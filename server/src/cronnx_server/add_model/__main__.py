"""`scripts/add_model`: parse and print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cronnx_server import environment
from cronnx_server.add_model import serving
from cronnx_server.add_model.adding import add
from cronnx_server.add_model.options import Options
from cronnx_server.errors import CommandError, SetupError

LOCAL_SERVER = "http://127.0.0.1:8000"
EPILOG = """\
examples:
  scripts/add_model resnet.onnx --name resnet --labels imagenet
  scripts/add_model plants.onnx --name plants --labels plants.txt --size 192 --mean 0.5 0.5 0.5 --std 0.5 0.5 0.5
  scripts/add_model detector.onnx --name detector --raw

exit status: 0 it is added, and served where a server answers; 1 it is not, for the reason given; 2 usage.
A name that is there already gets the file as its next version, which is served when it is promoted.
"""


def main() -> int:
    """Add a model; the exit status."""
    parser = _parser()
    options = parser.parse_args()
    if options.std and 0 in options.std:
        parser.error("argument --std: 0 divides by nothing")
    try:
        with environment.setup_lock():
            _add(options)
    except CommandError as error:
        print(f"add_model: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("add_model: interrupted; what was added is whole", file=sys.stderr)
        return 130
    return 0


def _add(parsed: argparse.Namespace) -> None:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in vars(parsed).items()
    }
    asked: str | None = given.pop("url")
    url = asked or LOCAL_SERVER
    live = serving.is_live(url)
    if asked and not live:
        raise SetupError(f"no server answers at {url}: start one with scripts/serve, or leave --url out")
    for paragraph in add(Options(**given), url=url if live else None):
        print(f"{paragraph}\n", flush=True)
    if not live:
        print(f"no server answers at {url}; scripts/serve starts one", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/add_model",
        description="Serve an ONNX file: an image classifier as a model that takes photographs, any other as it is.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the ONNX file; its external data lies beside it")
    parser.add_argument("--name", required=True, help="what clients call the model")
    parser.add_argument(
        "--labels", metavar="FILE", help="one a line, a JSON list, or the word imagenet; else 'class 17'"
    )
    parser.add_argument("--size", type=_count, metavar="PIXELS", help="height and width, where the graph takes any")
    for option, values in (("--mean", "0.485 0.456 0.406"), ("--std", "0.229 0.224 0.225")):
        parser.add_argument(
            option,
            nargs=3,
            type=_unit,
            metavar=("R", "G", "B"),
            help=f"of pixels scaled to [0, 1] (default: ImageNet's {values})",
        )
    parser.add_argument("--max-batch-size", type=_count, metavar="N", help="default: 16")
    parser.add_argument("--max-queue-delay-ms", type=_delay, metavar="MS", help="wait so long for others (default: 0)")
    parser.add_argument("--raw", action="store_true", help="serve the graph as it is, its tensors in and out")
    parser.add_argument("--url", type=_http, help=f"a server to load it into (default: {LOCAL_SERVER} if it answers)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 65535")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def _unit(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1: for pixels of 0 to 255, divide it by 255")
    return number


def _delay(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 60_000:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 60000")
    return number


def _http(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"'{text}' is not http://HOST:PORT")
    return text.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
