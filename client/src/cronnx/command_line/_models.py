"""`cronnx models`: what is in the server's model repository."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict

from cronnx import Client, ModelNotFound, ModelStatus, NotReady
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._text import table


def add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "models",
        help="list the models of the server, their states, and which ensembles pin a version",
        description="List the models of the server, their states, and which ensembles pin a version.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(run=_models)


def _models(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_client(options, connect) as client:
        models = sorted(client.models(), key=lambda model: (model.name, model.version))
        pinned_by = _pinned_by(client, models)
    if options.json:
        for model in models:
            print(json.dumps({**asdict(model), "pinned_by": pinned_by.get((model.name, model.version), [])}))
    else:
        print(table(["NAME", "VERSION", "STATE", "PINNED BY", "REASON"], [_row(model, pinned_by) for model in models]))
    return ExitCode.DONE


def _row(model: ModelStatus, pinned_by: Mapping[tuple[str, str], list[str]]) -> list[str]:
    ensembles = ", ".join(pinned_by.get((model.name, model.version), []))
    return [model.name, model.version, model.state, ensembles, model.reason]


def _pinned_by(client: Client, models: Iterable[ModelStatus]) -> dict[tuple[str, str], list[str]]:
    """The ensembles that pin a version, by model and version."""
    ensembles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted({model.name for model in models if model.state == "READY"}):
        with suppress(ModelNotFound, NotReady):  # it was unloaded meanwhile
            for step in dict.fromkeys(client.model(name).steps):
                ensembles[step.model_name, step.model_version].append(name)
    return ensembles
