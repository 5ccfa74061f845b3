"""`cronnx models`, `load`, `unload`, `promote` and `rollback`: the server's model repository."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from cronnx import Client, ConnectionFailed, CronnxError, ModelNotFound
from cronnx.command_line._complaints import Complaints
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._text import printable, table


def add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    models = _add(commands, "models", "list the models of the server, and their states")
    models.add_argument("--json", action="store_true", help="print one JSON object a line")
    models.set_defaults(run=_models)
    load = _add(commands, "load", "load models, or load them anew")
    load.set_defaults(run=_load, done="loaded")
    unload = _add(commands, "unload", "unload models")
    unload.set_defaults(run=_unload, done="unloaded")
    for parser in (load, unload):
        parser.add_argument("names", nargs="+", metavar="NAME", help="a model")


def _add(
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


def _models(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_client(options, connect) as client:
        models = sorted(client.models(), key=lambda model: (model.name, model.version))
    if options.json:
        for model in models:
            print(json.dumps(asdict(model)))
    else:
        print(table(["NAME", "VERSION", "STATE", "REASON"], [list(asdict(model).values()) for model in models]))
    return ExitCode.DONE


def _load(options: argparse.Namespace, connect: Connect) -> ExitCode:
    return _change(options, connect, lambda client, name: client.load(name))


def _unload(options: argparse.Namespace, connect: Connect) -> ExitCode:
    return _change(options, connect, _unload_known)


def _unload_known(client: Client, name: str) -> None:
    if name not in {model.name for model in client.models()}:  # the server would say yes
        raise ModelNotFound("no model of this name is in the server's repository", model_name=name)
    client.unload(name)


def _change(options: argparse.Namespace, connect: Connect, change: Callable[[Client, str], None]) -> ExitCode:
    complain = Complaints()
    with open_client(options, connect) as client:
        for name in options.names:
            try:
                change(client, name)
            except ConnectionFailed:
                raise
            except CronnxError as error:
                complain(f"{name}: {error}")
            else:
                print(f"{printable(name)}  {options.done}", flush=True)
    return ExitCode.FAILED if complain.count else ExitCode.DONE
