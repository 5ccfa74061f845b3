"""The reference of everything that can be set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from cronnx_server import repository

TEMPLATE = Path(__file__).with_name("configuration.txt")
BATCHING = "dynamic_batching"


def reference(models: Mapping[str, Path], helps: Mapping[str, str]) -> str:
    """The document.

    Args:
        models: the folders of models, by name.
        helps: what each script says of its options, by name.
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
