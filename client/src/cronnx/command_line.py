"""The command `cronnx`: parses and prints; the work is `Client`'s."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence

from cronnx._client import DEFAULT_MODEL_NAME, DEFAULT_TIMEOUT_S, DEFAULT_URL, Client
from cronnx._errors import ConnectionFailed, CronnxError, InvalidInput
from cronnx._results import MAX_TOP_K, Classification, ScoredClass

ALL_ANSWERED, SOME_FAILED, USAGE, NOT_REACHABLE = 0, 1, 2, 3
INTERRUPTED, BROKEN_PIPE = 130, 141  # as the shell reports SIGINT and SIGPIPE

_EXIT_CODES = f"""\
exit codes:
  {ALL_ANSWERED}  every image was classified
  {SOME_FAILED}  some image was not; standard error says which and why
  {USAGE}  the command line cannot be used
  {NOT_REACHABLE}  the server cannot be reached
"""
_LABEL_WIDTH = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code; `sys.argv` where there is none."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not fit the terminal's encoding
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with Client(options.url, timeout_s=options.timeout) as client:
            exit_code: int = options.command(client, options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at exit
        return BROKEN_PIPE
    except ConnectionFailed as error:
        _complain(str(error))
        return NOT_REACHABLE
    except InvalidInput as error:
        parser.error(str(error))
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cronnx", description="Ask the image models of a Triton server.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_classify(commands)
    return parser


def _add_classify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "classify",
        help="say what images show",
        description="Say what images show: one line an image with path, label, score and the model version.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="an image file")
    parser.add_argument("--model", default=DEFAULT_MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--top-k",
        type=int,
        choices=range(1, MAX_TOP_K + 1),
        metavar="N",
        help=f"classes an image, 1 to {MAX_TOP_K}; default: 1, with --json {MAX_TOP_K}",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    _add_connection(parser)
    parser.set_defaults(command=_classify)


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        default=os.environ.get("CRONNX_URL", DEFAULT_URL),
        help=f"grpc://HOST:PORT or http://HOST:PORT; default: $CRONNX_URL, else {DEFAULT_URL}",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="seconds a request may take; default: %(default)g",
    )


def _classify(client: Client, options: argparse.Namespace) -> int:
    top_k = options.top_k or (MAX_TOP_K if options.json else 1)
    path_width = max(map(len, options.files))
    exit_code = ALL_ANSWERED
    for path in options.files:
        try:
            answer = client.classify(path, model_name=options.model, top_k=top_k)
        except ConnectionFailed:
            raise
        except CronnxError as error:
            _complain(f"{path}: {error}")
            exit_code = SOME_FAILED
        else:
            print(_as_json(path, answer) if options.json else _as_table(path, answer, path_width), flush=True)
    return exit_code


def _as_json(path: str, answer: Classification) -> str:
    return json.dumps({"path": path, **answer.as_dict()})


def _as_table(path: str, answer: Classification, path_width: int) -> str:
    best, *others = (_columns(scored) for scored in answer.top)
    lines = [f"{path:<{path_width}}  {best}  {answer.served_by}"]
    lines += [f"{'':<{path_width}}  {other}" for other in others]
    return "\n".join(lines)


def _columns(scored: ScoredClass) -> str:
    return f"{scored.label:<{_LABEL_WIDTH}}  {scored.score:6.1%}"


def _complain(message: str) -> None:
    print("cronnx:", " ".join(message.split()), file=sys.stderr)
