"""From a command line to an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from cronnx import Client, ConnectionFailed, CronnxError, InvalidInput
from cronnx.command_line._bench import add_bench
from cronnx.command_line._classify import add_classify
from cronnx.command_line._complaints import say
from cronnx.command_line._completion import add_completion
from cronnx.command_line._connection import Connect
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._model_control import add_model_control
from cronnx.command_line._models import add_models
from cronnx.command_line._ping import add_ping
from cronnx.command_line._result_files import OutputError
from cronnx.command_line._stats import add_stats


def main(arguments: Sequence[str] | None = None, *, connect: Connect = Client) -> int:
    """Run a command line and give its exit code.

    Args:
        arguments: What follows the command's name; `sys.argv` where None.
        connect: Makes the client; called as `Client` is.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label need not fit the terminal's encoding
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options, connect))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as error:  # of standard output: every other one is an error of its own kind
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at exit
        if isinstance(error, BrokenPipeError):
            return ExitCode.BROKEN_PIPE
        say(f"standard output: {error.strerror}")
        return ExitCode.FAILED
    except OutputError as error:
        say(error)
        return ExitCode.USAGE
    except CronnxError as error:
        if isinstance(error, InvalidInput) and error.server_message is None:
            parser.error(str(error))
        say(error)
        return ExitCode.NOT_REACHABLE if isinstance(error, ConnectionFailed) else ExitCode.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cronnx",
        description="Ask the image models of a Triton server.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and end")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_classify, add_models, add_model_control, add_stats, add_ping, add_bench):
        add(commands)
    add_completion(commands, whole=parser)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # takes a while, and is seldom wanted

        print(parser.prog, version("cronnx"))
        parser.exit()
