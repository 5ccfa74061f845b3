"""What `scripts/serve` prints when the server is ready: an answer, the models, the addresses and commands to try."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cronnx import Client, CronnxError, Retry
from cronnx_server import repository
from cronnx_server.answers import PICTURE
from cronnx_server.build_models.missing_models import ModelVersion
from cronnx_server.model_spec import Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT
from cronnx_server.serve import first_answer
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses

HEIGHT, WIDTH = 24, 80
"""The smallest terminal that shows all of it."""
_CURL_ROWS = 3
_ANSWER_ROWS = 2
BUILT = "being built"

_OF_A_TASK = {Task.CLASSIFICATION: "cyan", Task.MULTI_LABEL: "cyan", Task.DETECTION: "magenta"}


def show(lines: Sequence[Text]) -> None:
    """Print on standard output; coloured on a terminal, unless NO_COLOR is set."""
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    for line in ("", *lines, ""):
        console.print(line)
    sys.stdout.flush()


def of(
    addresses: Addresses,
    image_models: Mapping[str, Task],
    *,
    later: Sequence[ModelVersion] = (),
    key: Key | None = None,
    further: Sequence[tuple[str, str]] = (),
) -> list[Text]:
    """The lines of the summary.

    Args:
        addresses: Where the server listens.
        image_models: The ensembles that take photographs, and their tasks.
        later: The versions that are being built.
        key: The key that is required to change the server.
        further: Names and addresses of what runs beside the server.
    """
    # The first classifier, or the first ensemble if there is none: a classifier has an answer for any photograph.
    first = next((name for name, task in image_models.items() if task is Task.CLASSIFICATION), None)
    first = first or next(iter(image_models), None)
    where = [("HTTP", addresses.http), ("gRPC", addresses.grpc), ("metrics", addresses.metrics), *further]
    if key:
        where.append(("key", f"{key.source} (needed to change models: SECURITY.md)"))
    name_width = max(8, *(len(name) for name, _ in where)) + 1
    listed = [Text.assemble((name.ljust(name_width), "bold"), (address, "green")) for name, address in where]
    if not first:
        return listed
    commands = [_predict(addresses, first), Text(first_answer.curl(addresses.http, first), style="yellow")]
    # Blank lines: at the beginning, at the end, and between the four parts; and the prompt or the next line of the log.
    taken = _ANSWER_ROWS + len(listed) + len(commands) - 1 + _CURL_ROWS + 6
    rows = _table(image_models, _versions(image_models, later), most=HEIGHT - taken)
    blank = Text()
    answer = _answer(addresses, first, image_models[first])
    return [*answer, blank, *rows, blank, *listed, blank, *commands]


def _predict(addresses: Addresses, model_name: str) -> Text:
    """The command that asks an ensemble about the sample photograph."""
    is_default = addresses.grpc == Addresses().grpc  # where `cronnx` looks unless it is told
    url = "" if is_default else f" --url {addresses.grpc}"
    return Text(f".venv/bin/cronnx predict {PICTURE.relative_to(ROOT)} --model {model_name}{url}", style="yellow")


def _answer(addresses: Addresses, model_name: str, task: Task) -> list[Text]:
    """The answer of one model for the sample photograph: where it is from, and the best of it."""
    # Over HTTP, because gRPC would use a proxy of the environment; once, because a server that died must be restarted.
    with Client(addresses.http, retry=Retry(attempts=1)) as client:
        try:
            answer = first_answer.answered(client, model_name, task)
        except CronnxError as error:
            return [Text(f"{PICTURE.relative_to(ROOT)}: no answer: {error}", style="red")]
    title, *rows = answer.splitlines()
    return [Text(title), *(Text(row, style="bold") for row in rows[: _ANSWER_ROWS - 1])]


def _table(image_models: Mapping[str, Task], versions: Mapping[str, str], *, most: int) -> list[Text]:
    """A row for each model; if there are more than fit, the last row counts the others."""
    names = list(image_models)
    shown = names if len(names) < most else names[: max(1, most - 2)]
    widths = (max(map(cell_len, names)) + 2, max(len(task.value) for task in image_models.values()) + 2)
    rows = [Text("".join(("model".ljust(widths[0]), "task".ljust(widths[1]), "versions")), style="dim")]
    for name in shown:
        task = image_models[name]
        colour = _OF_A_TASK.get(task, "blue")
        rows.append(
            Text.assemble(
                (name.ljust(widths[0]), "bold"), (task.value.ljust(widths[1]), colour), versions.get(name, "")
            )
        )
    if len(shown) < len(names):
        rows.append(Text(f"and {len(names) - len(shown)} more: .venv/bin/cronnx models", style="dim"))
    for row in rows:
        row.truncate(WIDTH, overflow="ellipsis")
    return rows


def _versions(image_models: Mapping[str, Task], later: Sequence[ModelVersion]) -> dict[str, str]:
    """What each ensemble answers with, and the other versions that are there or being built."""
    folders = repository.models(ENSEMBLES)
    return {name: _versions_of(folders[name], later) for name in image_models if name in folders}


def _versions_of(ensemble: Path, later: Sequence[ModelVersion]) -> str:
    for step in repository.read_config(ensemble).ensemble_scheduling.step:
        folder = MODEL_REPOSITORY / step.model_name
        if step.model_version > 0:
            others = [number for number in _present(folder) if number != step.model_version]
            built = [version for name, version in later if step.model_name == f"{name}_onnx"]
            return ", ".join([f"{step.model_version} live", *map(str, others), *(f"{each} {BUILT}" for each in built)])
        arms = repository.parameter(repository.read_config(folder), "arms") if folder.is_dir() else ""
        if arms:
            shares = (arm.rpartition("/")[2].partition("=") for arm in arms.split())
            return "split " + ", ".join(f"{version}: {weight}" for version, _, weight in shares)
    return ""


def _present(folder: Path) -> list[int]:
    """The versions of a model that have a file."""
    return sorted(
        int(path.parent.name) for path in folder.glob("*/model.onnx") if repository.is_version(path.parent.name)
    )
