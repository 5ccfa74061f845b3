"""What the Dockerfile, the compose file and the manifests start, read as the engine would.

A command is a program and its arguments; what is told of an image is `SERVER_IMAGE`'s, the last stage's.
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

DOCKERFILE, COMPOSE, SETTINGS = ROOT / "Dockerfile", ROOT / "docker-compose.yml", ROOT / ".env.example"
MANIFESTS = (ROOT / "deploy" / "kubernetes", ROOT / "deploy" / "kserve")
SERVER_STAGE, SERVER_IMAGE = "server", "cronnx"

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Instruction:
    """One of a Dockerfile's, in the stage that it belongs to."""

    stage: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Copy:
    """A COPY, the stage that it is from being empty where that is the build context."""

    stage: str
    from_stage: str
    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Command:
    """What a container runs."""

    source: str
    arguments: tuple[str, ...]

    @property
    def server_flags(self) -> tuple[str, ...]:
        """What `tritonserver` gets."""
        return self.arguments[self.arguments.index("tritonserver") + 1 :]


def instructions(text: str) -> list[Instruction]:
    """A Dockerfile's; hadolint judges its grammar."""
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
    """The arguments that the server's image has as ENTRYPOINT, CMD, or in its HEALTHCHECK."""
    (arguments,) = (each.arguments for each in dockerfile() if (each.stage, each.name) == (SERVER_STAGE, name))
    return [str(each) for each in json.loads(arguments[arguments.index("[") :])]


def commands() -> list[Command]:
    """Of every container of the server's image, here and in the manifests."""
    return [
        Command(DOCKERFILE.name, (*image_list("ENTRYPOINT"), *image_list("CMD"))),
        *compose_commands({}),
        *compose_commands(settings()),
        *_manifest_commands(),
    ]


def compose(values: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its variables replaced by these values, or else by their defaults."""
    text = _VARIABLE.sub(lambda match: values.get(match[1], match[2] or ""), COMPOSE.read_text())
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def settings() -> dict[str, str]:
    """Every setting that is proposed, as if all were chosen."""
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", SETTINGS.read_text(), re.MULTILINE))


def compose_commands(values: Mapping[str, str]) -> Iterator[Command]:
    for name, service in compose(values)["services"].items():
        if _is_ours(service["image"]):
            arguments = _resolved(service.get("entrypoint"), service.get("command"))
            yield Command(f"{COMPOSE.name} {name}{' with .env' if values else ''}", arguments)


def _manifest_commands() -> Iterator[Command]:
    for path in sorted(path for folder in MANIFESTS for path in folder.rglob("*.yaml")):
        for container in _containers(list(yaml.safe_load_all(path.read_text()))):
            name = f"{path.relative_to(ROOT)} {container.get('name', '')}"
            arguments = _resolved(container.get("command"), container.get("args"))
            if "tritonserver" in arguments:
                yield Command(name, arguments)


def _containers(node: object) -> Iterator[dict[str, Any]]:
    """Every mapping below `node` that says what a container of the server's image is to run."""
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
    return image.partition(":")[0] == SERVER_IMAGE


def _resolved(entrypoint: str | list[str] | None, arguments: str | list[str] | None) -> tuple[str, ...]:
    """What runs: an entrypoint of its own takes the image's CMD away."""
    command = image_list("CMD") if arguments is None and entrypoint is None else _words(arguments)
    return (*(image_list("ENTRYPOINT") if entrypoint is None else _words(entrypoint)), *command)


def _words(text: str | list[str] | None) -> list[str]:
    return shlex.split(text) if isinstance(text, str) else list(text or ())


def place(stage: str, folder: Path) -> None:
    """Copy what a stage copies from the build context into `folder`, as the root or the WORKDIR of its files."""
    for copy in (each for each in copies() if each.stage == stage and not each.from_stage):
        for source in copy.sources:
            _place(ROOT / source, folder / copy.target.lstrip("/"), into=copy.target.endswith("/"))


def _place(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        return
    (target if into else target.parent).mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
