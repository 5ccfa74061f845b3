"""The commands of the Dockerfile, the compose file and the manifests, read as a container engine reads them.

The image is `SERVER_IMAGE`, the Dockerfile's last stage.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cronnx_server.paths import ROOT
from tests.contract.helm import rendered

DOCKERFILE, COMPOSE, SETTINGS = ROOT / "Dockerfile", ROOT / "docker-compose.yml", ROOT / ".env.example"
KSERVE = ROOT / "deploy" / "kserve"
SERVER_STAGE, SERVER_IMAGE = "server", "cronnx"

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Instruction:
    """An instruction of the Dockerfile and its stage."""

    stage: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Copy:
    """A COPY instruction; `from_stage` is empty if it copies from the build context."""

    stage: str
    from_stage: str
    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Command:
    """The program and the arguments that a container runs."""

    source: str
    arguments: tuple[str, ...]

    @property
    def server_flags(self) -> tuple[str, ...]:
        """The arguments of `tritonserver`."""
        return self.arguments[self.arguments.index("tritonserver") + 1 :]


def instructions(text: str) -> list[Instruction]:
    """Parse a Dockerfile; hadolint checks its grammar."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found, stage = [], ""
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            _, _, stage = arguments.partition(" AS ")
        found.append(Instruction(stage, name, arguments))
    return found


def dockerfile() -> list[Instruction]:
    return instructions(DOCKERFILE.read_text())


def copies() -> list[Copy]:
    return [_copy(each) for each in dockerfile() if each.name == "COPY"]


def _copy(instruction: Instruction) -> Copy:
    *words, target = instruction.arguments.split()
    from_stage = "".join(word.removeprefix("--from=") for word in words if word.startswith("--from="))
    return Copy(instruction.stage, from_stage, tuple(word for word in words if not word.startswith("--")), target)


def image_list(name: str) -> list[str]:
    """Return the arguments of the server image's ENTRYPOINT, CMD or HEALTHCHECK."""
    (arguments,) = (each.arguments for each in dockerfile() if (each.stage, each.name) == (SERVER_STAGE, name))
    return [str(each) for each in json.loads(arguments[arguments.index("[") :])]


def commands() -> list[Command]:
    """Return the command of every container of the server's image, by compose and by the manifests."""
    return [
        Command(DOCKERFILE.name, (*image_list("ENTRYPOINT"), *image_list("CMD"))),
        *compose_commands({}),
        *compose_commands(settings()),
        *_manifest_commands(),
    ]


def compose(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the compose file with its variables replaced by `values` or by their defaults."""
    text = _VARIABLE.sub(lambda match: values.get(match[1], match[2] or ""), COMPOSE.read_text())
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def settings() -> dict[str, str]:
    """Return every setting that .env.example proposes, as if a user had set all of them."""
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", SETTINGS.read_text(), re.MULTILINE))


def compose_commands(values: Mapping[str, str]) -> Iterator[Command]:
    for name, service in compose(values)["services"].items():
        if _is_ours(service["image"]):
            arguments = _resolved(service.get("entrypoint"), service.get("command"))
            yield Command(f"{COMPOSE.name} {name}{' with .env' if values else ''}", arguments)


def _manifest_commands() -> Iterator[Command]:
    manifests = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(KSERVE.rglob("*.yaml"))}
    for name, nodes in {"the chart": rendered(), **manifests}.items():
        for container in _containers(nodes):
            arguments = _resolved(container.get("command"), container.get("args"))
            if "tritonserver" in arguments:
                yield Command(f"{name} {container.get('name', '')}", arguments)


def _containers(node: object) -> Iterator[dict[str, Any]]:
    """Return every mapping below `node` that describes a container of the server's image."""
    children: Iterable[object] = ()
    if isinstance(node, dict):
        if _is_ours(str(node.get("image"))):
            yield node
        children = node.values()
    elif isinstance(node, list):
        children = node
    for child in children:
        yield from _containers(child)


def _is_ours(image: str) -> bool:
    return image.rpartition("/")[2].partition(":")[0] == SERVER_IMAGE


def _resolved(entrypoint: str | list[str] | None, arguments: str | list[str] | None) -> tuple[str, ...]:
    """Return what runs: a container's own entrypoint discards the image's CMD."""
    command = image_list("CMD") if arguments is None and entrypoint is None else _words(arguments)
    return (*(image_list("ENTRYPOINT") if entrypoint is None else _words(entrypoint)), *command)


def _words(text: str | list[str] | None) -> list[str]:
    return shlex.split(text) if isinstance(text, str) else list(text or ())


def place(stage: str, folder: Path) -> None:
    """Copy the files that a stage takes from the build context into `folder`, which stands for the root or WORKDIR."""
    for copy in (each for each in copies() if each.stage == stage and not each.from_stage):
        for source in copy.sources:
            _place(ROOT / source, folder / copy.target.lstrip("/"), into=copy.target.endswith("/"))


def _place(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        return
    (target if into else target.parent).mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
