"""The command line: parsing, running a command, and shell completion."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from cronnx import Client, ConnectionFailed, CronnxError, InvalidInput
from cronnx.command_line._bench import add_bench
from cronnx.command_line._models import add_models
from cronnx.command_line._options import Commands, Connect, add_command, examples_text
from cronnx.command_line._ping import add_ping
from cronnx.command_line._playground import add_playground
from cronnx.command_line._predict import add_predict
from cronnx.command_line._report import EPILOG, ExitCode, print_error
from cronnx.command_line._result_files import OutputError
from cronnx.command_line._stats import add_stats

_EXAMPLES = (
    "cronnx predict cat.jpg",
    "cronnx predict photos --output answers.jsonl",
    "cronnx models",
    "CRONNX_URL=http://a:8000,http://b:8000 cronnx ping",
)

_INSTALLATION = """\
to install:
  bash  cronnx completion bash > ~/.local/share/bash-completion/completions/cronnx
  zsh   cronnx completion zsh > ~/.zfunc/_cronnx, with ~/.zfunc in fpath
  tcsh  cronnx completion tcsh > ~/.cronnx.tcsh, with `source ~/.cronnx.tcsh` in ~/.tcshrc
"""


def main(arguments: Sequence[str] | None = None, *, connect: Connect = Client) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: The arguments after the command's name; None for `sys.argv`.
        connect: Makes the client from the arguments of `Client`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label may not fit the terminal's encoding
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options, connect))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as error:  # of standard output; other files have errors of their own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at exit
        if isinstance(error, BrokenPipeError):
            return ExitCode.BROKEN_PIPE
        print_error(f"standard output: {error.strerror}")
        return ExitCode.FAILED
    except OutputError as error:
        print_error(error)
        return ExitCode.USAGE
    except CronnxError as error:
        if isinstance(error, InvalidInput) and error.server_message is None:
            parser.error(str(error))
        print_error(error)
        return ExitCode.NOT_REACHABLE if isinstance(error, ConnectionFailed) else ExitCode.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cronnx",
        description="Send images to models of a Triton server.",
        epilog=f"{examples_text(_EXAMPLES)}\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_predict, add_models, add_stats, add_ping, add_bench, add_playground):
        add(commands)
    _add_completion(commands, parser)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # imported here because it loads slowly

        print(parser.prog, version("cronnx"))
        parser.exit()


def _add_completion(commands: Commands, whole: argparse.ArgumentParser) -> None:
    parser = add_command(
        commands,
        "completion",
        summary="print a script that completes command lines in a shell",
        examples=["cronnx completion bash"],
        notes=_INSTALLATION,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")
    parser.set_defaults(run=partial(_completion, whole))


def _completion(whole: argparse.ArgumentParser, options: argparse.Namespace, _: Connect) -> ExitCode:
    import shtab  # imported here because it loads slowly

    for action in _actions(whole):
        if action.metavar in ("PATH", "FILE"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads this attribute
    print(shtab.complete(whole, options.shell))
    return ExitCode.DONE


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
