"""docs/configuration.md: the settings of every model and the options of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template

from cronnx_server import repository

TEMPLATE = Path(__file__).with_name("configuration.txt")
BATCHING = "dynamic_batching"
WIDTH = "100"


def reference(models: Mapping[str, Path], helps: Mapping[str, str]) -> str:
    """The text of the document.

    Args:
        models: The folder of each model.
        helps: The help of each command, from `command_helps`.
    """
    rows = (_row(name, folder) for name, folder in sorted(models.items()))
    commands = (f"### scripts/{name}\n\n```text\n{text}\n```" for name, text in helps.items())
    return Template(TEMPLATE.read_text()).substitute(models="\n".join(rows), commands="\n\n".join(commands))


def _row(name: str, folder: Path) -> str:
    config = repository.read_config(folder)
    batching = config.dynamic_batching
    delay = f"{batching.max_queue_delay_microseconds / 1000:g} ms" if config.HasField(BATCHING) else ""
    instances = " + ".join(str(group.count) for group in config.instance_group)
    profiles = ", ".join(sorted(path.stem for path in (folder / "configs").glob("*.pbtxt")))
    cells = (f"`{name}`", config.backend or config.platform, str(config.max_batch_size), delay, instances, profiles)
    return f"| {' | '.join(cells)} |"


def command_helps(scripts: Path) -> dict[str, str]:
    """The description and the options of every command in a folder, by name."""
    commands = [path for path in sorted(scripts.iterdir()) if path.is_file() and os.access(path, os.X_OK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip((path.name for path in commands), threads.map(_help, commands), strict=True))


def _help(script: Path) -> str:
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"}
    command = [sys.executable, str(script), "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    _, *paragraphs = text.rstrip().split("\n\n")  # the usage wraps differently in every version of Python
    return "\n\n".join(each for each in paragraphs if not each.startswith(("examples:", "exit status:")))
