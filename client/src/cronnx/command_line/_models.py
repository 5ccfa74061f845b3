"""`cronnx models` lists models; `load`, `unload`, `promote`, `rollback`, `split` and `reset` change them."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any, TypeAlias

from cronnx import Client, ConnectionFailed, CronnxError, ModelNotFound, ModelStatus, NotReady, Promotion
from cronnx._models import arm_weights
from cronnx.command_line._options import (
    Commands,
    Connect,
    add_command,
    add_connection,
    ask_each,
    errors_of,
    open_client,
    open_each,
    urls,
)
from cronnx.command_line._report import ErrorLog, ExitCode, printable, table, terminal_width

_Change: TypeAlias = Callable[[Client, str], str]
"""Changes the model of a name, and returns what to print."""


_DESCRIPTION = """\
List the server's models, their states, and the ensembles and routers that use a version. With --json: models, a list of
server, name, version, state, reason and used_by; and errors, a list of server and error.
"""

_EXAMPLES = ("cronnx models", "cronnx models --json | jq -r '.models[] | select(.state == \"READY\") | .name'")

_ALL_OR_NONE = "all are changed or none; the error names the server that could not be"


def add_models(commands: Commands) -> None:
    """Add the commands."""
    summary = "list the server's models, their states, and the ensembles and routers that use a version"
    models = add_command(commands, "models", summary=summary, description=_DESCRIPTION, examples=_EXAMPLES)
    models.add_argument("--json", action="store_true", help="print one JSON document")
    add_connection(models, several="each of them is listed")
    models.set_defaults(run=_models)
    _add_change(commands, "load", "load models, or reload them", "a model", "resnet50_onnx", _load)
    _add_change(commands, "unload", "unload models that no ensemble needs", "a model", "resnet50", _unload)
    _add_promote(commands)
    undo = "undo the last promotion of ensembles"
    _add_change(commands, "rollback", undo, "an ensemble", "efficientnet_lite0", _rollback)
    _add_split(commands)
    undo_all = "undo all promotions and splits of ensembles: serve what config.pbtxt says"
    _add_change(commands, "reset", undo_all, "an ensemble", "efficientnet_lite0", _reset)


def _add_change(commands: Commands, name: str, summary: str, argument: str, example: str, change: _Change) -> None:
    parser = add_command(commands, name, summary=summary, examples=[f"cronnx {name} {example}"])
    add_connection(parser, several=_ALL_OR_NONE)
    parser.add_argument("names", nargs="+", metavar="NAME", help=argument)
    parser.set_defaults(run=partial(_change_all, change))


def _add_promote(commands: Commands) -> None:
    summary = "make an ensemble answer with another version of its network"
    parser = add_command(commands, "promote", summary=summary, examples=["cronnx promote efficientnet_lite0 2"])
    add_connection(parser, several=_ALL_OR_NONE)
    parser.add_argument("name", metavar="NAME", help="an ensemble")
    parser.add_argument("version", metavar="VERSION", help="a loaded version of its network")
    parser.set_defaults(run=_promote)


def _add_split(commands: Commands) -> None:
    summary = "split an ensemble's traffic between versions"
    parser = add_command(commands, "split", summary=summary, examples=["cronnx split efficientnet_lite0_ab 1=90 2=10"])
    add_connection(parser, several=_ALL_OR_NONE)
    parser.add_argument("name", metavar="NAME", help="an ensemble with a router")
    parser.add_argument(
        "weights",
        nargs="+",
        type=_weight,
        metavar="VERSION=WEIGHT",
        help="for example 1=90 2=10, or MODEL/VERSION=WEIGHT; the first answers if another fails",
    )
    parser.set_defaults(run=_split)


def _models(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_each(options, connect) as clients:
        each = ask_each(clients, _listed)
    models = [{"server": server, **model} for server, listed in each.answers.items() for model in listed]
    errors = ErrorLog()
    for server, error in each.errors.items():
        errors(f"{server}: {error}")
    if options.json:
        print(json.dumps({"models": models, "errors": errors_of(each)}))
    else:
        print(_table(models, several=len(clients) > 1))
    return ExitCode.FAILED if errors.count else ExitCode.DONE


def _listed(client: Client) -> list[dict[str, Any]]:
    """Return the models of a server, in the order of names and versions, with their users."""
    models = sorted(client.models(), key=lambda model: (model.name, model.version))
    used_by = _used_by(client, models)
    return [{**asdict(model), "used_by": used_by.get((model.name, model.version), [])} for model in models]


def _table(models: Iterable[Mapping[str, Any]], *, several: bool) -> str:
    headings = ["NAME", "VERSION", "STATE", "USED BY", "REASON"]
    rows = [
        [each["name"], each["version"], each["state"], ", ".join(each["used_by"]), each["reason"]] for each in models
    ]
    if several:
        headings = ["SERVER", *headings]
        rows = [[each["server"], *row] for each, row in zip(models, rows, strict=True)]
    return table(headings, rows, width=terminal_width())


def _used_by(client: Client, models: Iterable[ModelStatus]) -> dict[tuple[str, str], list[str]]:
    """Return the ensembles and routers that use a version, by model and version, with what their files say instead."""
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted({model.name for model in models if model.state == "READY"}):
        with suppress(ModelNotFound, NotReady):  # the model has been unloaded since
            model = client.model(name)
            for step in dict.fromkeys(model.steps):
                users[step.model_name, step.model_version].append(name + _instead_of(model.configured))
            configured = arm_weights(model.configured) if model.arms else {}
            for arm in dict.fromkeys((*model.arms, *configured)):
                arm_model, _, version = arm.partition("/")
                weight, before = model.arms.get(arm, 0.0), configured.get(arm, 0.0)
                text = f"{name}={weight:g}{_instead_of(f'{before:g}' if configured and before != weight else '')}"
                users[arm_model, version].append(text)
    return users


def _instead_of(configured: str) -> str:
    return f" (config.pbtxt: {configured})" if configured else ""


def _change_all(change: _Change, options: argparse.Namespace, connect: Connect) -> ExitCode:
    return _changed(change, options.names, options, connect)


def _promote(options: argparse.Namespace, connect: Connect) -> ExitCode:
    def promote(client: Client, name: str) -> str:
        return _live(client.promote(name, options.version))

    return _changed(promote, [options.name], options, connect)


def _split(options: argparse.Namespace, connect: Connect) -> ExitCode:
    def split(client: Client, name: str) -> str:
        weights = client.split(name, dict(options.weights))
        return printable(" ".join(f"{arm}={weight:g}" for arm, weight in weights.items()))

    return _changed(split, [options.name], options, connect)


def _changed(change: _Change, names: Iterable[str], options: argparse.Namespace, connect: Connect) -> ExitCode:
    errors, servers = ErrorLog(), urls(options)
    everywhere = f" on {', '.join(servers)}" if len(servers) > 1 else ""
    with open_client(options, connect) as client:
        for name in names:
            try:
                done = change(client, name)
            except CronnxError as error:
                if isinstance(error, ConnectionFailed) and not client.is_server_live():
                    raise  # no server can be reached, not only one of several
                errors(f"{name}: {error}")
            else:
                print(f"{printable(name)}  {done}{everywhere}", flush=True)
    return ExitCode.FAILED if errors.count else ExitCode.DONE


def _load(client: Client, name: str) -> str:
    client.load(name)
    return "loaded"


def _unload(client: Client, name: str) -> str:
    client.unload(name)
    return "unloaded"


def _reset(client: Client, name: str) -> str:
    client.reset(name)
    return "as in config.pbtxt"


def _rollback(client: Client, name: str) -> str:
    return _live(client.rollback(name))


def _live(promotion: Promotion) -> str:
    previous = f" (rollback: {promotion.previous_version})" if promotion.previous_version else ""
    return printable(f"version {promotion.version} is live{previous}")


def _weight(text: str) -> tuple[str, float]:
    arm, separator, weight = text.partition("=")
    try:
        if arm and separator:
            return arm, float(weight)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected VERSION=WEIGHT, got '{text}'")
