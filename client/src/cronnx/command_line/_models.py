"""`cronnx models` lists models; `load`, `unload`, `promote`, `rollback`, `split` and `reset` change them."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TypeAlias

from cronnx import Client, ConnectionFailed, CronnxError, ModelNotFound, ModelStatus, NotReady, Promotion
from cronnx._models import arm_weights
from cronnx.command_line._options import Commands, Connect, add_command, add_connection, open_client, urls
from cronnx.command_line._report import ErrorLog, ExitCode, printable, table

_Change: TypeAlias = Callable[[Client, str], str]
"""Changes the model of a name, and returns what to print."""


def add_models(commands: Commands) -> None:
    """Add the commands."""
    summary = "list the server's models, their states, and the ensembles and routers that use a version"
    models = add_command(commands, "models", summary=summary)
    add_connection(models)
    models.add_argument("--json", action="store_true", help="print one JSON object a line")
    models.set_defaults(run=_models)
    _add_change(commands, "load", "load models, or reload them", _load)
    _add_change(commands, "unload", "unload models that no ensemble needs", _unload)
    _add_change(commands, "rollback", "undo the last promotion of ensembles", _rollback)
    _add_change(commands, "reset", "undo all promotions and splits of ensembles: serve what config.pbtxt says", _reset)
    promote = add_command(commands, "promote", summary="make an ensemble answer with another version of its classifier")
    add_connection(promote)
    promote.add_argument("name", metavar="NAME", help="an ensemble")
    promote.add_argument("version", metavar="VERSION", help="a loaded version of its classifier")
    promote.set_defaults(run=_promote)
    split = add_command(commands, "split", summary="split an ensemble's traffic between versions")
    add_connection(split)
    split.add_argument("name", metavar="NAME", help="an ensemble with a router")
    split.add_argument(
        "weights",
        nargs="+",
        type=_weight,
        metavar="VERSION=WEIGHT",
        help="for example 1=90 2=10, or MODEL/VERSION=WEIGHT; the first answers if another fails",
    )
    split.set_defaults(run=_split)


def _models(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_client(options, connect) as client:
        models = sorted(client.models(), key=lambda model: (model.name, model.version))
        used_by = _used_by(client, models)
    if options.json:
        for model in models:
            print(json.dumps({**asdict(model), "used_by": used_by.get((model.name, model.version), [])}))
    else:
        print(table(["NAME", "VERSION", "STATE", "USED BY", "REASON"], [_row(model, used_by) for model in models]))
    return ExitCode.DONE


def _row(model: ModelStatus, used_by: Mapping[tuple[str, str], list[str]]) -> list[str]:
    ensembles = ", ".join(used_by.get((model.name, model.version), []))
    return [model.name, model.version, model.state, ensembles, model.reason]


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


def _add_change(commands: Commands, name: str, summary: str, change: _Change) -> None:
    parser = add_command(commands, name, summary=summary)
    add_connection(parser)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a model")
    parser.set_defaults(run=partial(_change_all, change))


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
