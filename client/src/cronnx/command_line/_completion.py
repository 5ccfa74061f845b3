"""`cronnx completion`: what makes a shell complete command lines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from cronnx.command_line._connection import Connect
from cronnx.command_line._exit_codes import ExitCode

_EPILOG = """\
to install:
  bash  cronnx completion bash > ~/.local/share/bash-completion/completions/cronnx
  zsh   cronnx completion zsh > ~/.zfunc/_cronnx, with ~/.zfunc in fpath
  tcsh  cronnx completion tcsh > ~/.cronnx.tcsh, with `source ~/.cronnx.tcsh` in ~/.tcshrc
"""


def add_completion(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], *, whole: argparse.ArgumentParser
) -> None:
    """Add the command, which completes command lines of the parser `whole`."""
    parser = commands.add_parser(
        "completion",
        help="print what makes a shell complete command lines",
        description="Print what makes a shell complete command lines.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")
    parser.set_defaults(run=partial(_completion, whole))


def _completion(whole: argparse.ArgumentParser, options: argparse.Namespace, _: Connect) -> ExitCode:
    import shtab  # takes a while, and is seldom wanted

    for action in _actions(whole):
        if action.metavar in ("PATH", "FILE"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's way
    print(shtab.complete(whole, options.shell))
    return ExitCode.DONE


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
