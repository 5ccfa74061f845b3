"""`cronnx load`, `unload`, `promote`, `rollback` and `split`: what changes the server's models."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from cronnx import Client, ConnectionFailed, CronnxError, InvalidInput, ModelNotFound, NotReady, Promotion
from cronnx.command_line._complaints import Complaints
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._text import printable

_Change: TypeAlias = Callable[[Client, str], str]
"""Changes a model, and says what has come of it."""


def add_model_control(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    _add(commands, "load", "load models, or load them anew", _loaded)
    _add(commands, "unload", "unload models that no ensemble needs", _unloaded)
    _add(commands, "rollback", "let ensembles answer by the version that was live before their last promotion", _back)
    promote = _command(commands, "promote", "let an ensemble answer by another version of its classifier")
    promote.add_argument("name", metavar="NAME", help="an ensemble")
    promote.add_argument("version", metavar="VERSION", help="a version of its classifier that is loaded")
    promote.set_defaults(run=_promote)
    split = _command(commands, "split", "split an ensemble's traffic between versions")
    split.add_argument("name", metavar="NAME", help="an ensemble with a router")
    split.add_argument(
        "weights",
        nargs="+",
        type=_weight,
        metavar="VERSION=WEIGHT",
        help="as in 1=90 2=10, or MODEL/VERSION=WEIGHT; the first answers where another fails",
    )
    split.set_defaults(run=_split)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, change: _Change
) -> None:
    parser = _command(commands, name, summary)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a model")
    parser.set_defaults(run=partial(_change, change))


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary.capitalize()}.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_connection(parser)
    return parser


def _promote(options: argparse.Namespace, connect: Connect) -> ExitCode:
    options.names = [options.name]
    return _change(lambda client, name: _live(client.promote(name, options.version)), options, connect)


def _split(options: argparse.Namespace, connect: Connect) -> ExitCode:
    options.names = [options.name]
    return _change(lambda client, name: _weighed(client.split(name, dict(options.weights))), options, connect)


def _change(change: _Change, options: argparse.Namespace, connect: Connect) -> ExitCode:
    complain = Complaints()
    with open_client(options, connect) as client:
        for name in options.names:
            try:
                done = change(client, name)
            except ConnectionFailed:
                raise
            except CronnxError as error:
                complain(f"{name}: {error}")
            else:
                print(f"{printable(name)}  {done}", flush=True)
    return ExitCode.FAILED if complain.count else ExitCode.DONE


def _loaded(client: Client, name: str) -> str:
    before = _ready(client)
    client.load(name)
    lost = before - _ready(client)
    if lost:  # Triton says yes all the same
        raise NotReady(f"loaded, but no longer ready: {', '.join(sorted(lost))}; does what they need still exist?")
    return "loaded"


def _unloaded(client: Client, name: str) -> str:
    if name not in {model.name for model in client.models()}:  # Triton would say yes
        raise ModelNotFound("no model of this name is in the server's repository", model_name=name)
    needed_by = [each for each in sorted(_ready(client)) if name in {s.model_name for s in client.model(each).steps}]
    if needed_by:
        raise InvalidInput(f"needed by {', '.join(needed_by)}: unload that first", model_name=name)
    client.unload(name)
    return "unloaded"


def _back(client: Client, name: str) -> str:
    return _live(client.rollback(name))


def _live(promotion: Promotion) -> str:
    way_back = f" (rollback: {promotion.previous_version})" if promotion.previous_version else ""
    return printable(f"version {promotion.version} is live{way_back}")


def _weighed(weights: Mapping[str, float]) -> str:
    return printable(" ".join(f"{arm}={weight:g}" for arm, weight in weights.items()))


def _weight(text: str) -> tuple[str, float]:
    arm, separator, weight = text.partition("=")
    try:
        if arm and separator:
            return arm, float(weight)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"'{text}' is no VERSION=WEIGHT")


def _ready(client: Client) -> set[str]:
    return {model.name for model in client.models() if model.state == "READY"}
