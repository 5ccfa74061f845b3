"""The commands of the images and the manifests, run by the `tritonserver` of this machine."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cronnx import Client
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.key import HEADER, KEY_FILE
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import free_addresses
from cronnx_server.serve.process import ServerProcess
from tests import containers

MODEL, KEY = "efficientnet_lite0", "0123456789abcdef"
REPOSITORIES = {
    f"--model-repository=/models/{here.name}": f"--model-repository={here}" for here in (MODEL_REPOSITORY, ENSEMBLES)
}
REDIS = "--cache-config=redis,"  # NVIDIA's image has this cache, the wheel does not


@dataclass(frozen=True)
class Container:
    """A server started by a container's command, with the files that the image copies below `root`."""

    root: Path
    url: str
    environment: dict[str, str]
    process: ServerProcess

    def healthcheck(self, **environment: str) -> subprocess.CompletedProcess[str]:
        script, *options = containers.image_list("HEALTHCHECK")
        command = [f"{self.root}{script}", *options, f"--url={self.url}", "--timeout-s=60"]
        return subprocess.run(command, env={**self.environment, **environment}, capture_output=True, text=True)

    def index(self, **headers: str) -> int:
        """Return the HTTP status of a call that needs the key."""
        request = urllib.request.Request(f"{self.url}/v2/repository/index", b"{}", headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code


def flags_here(command: containers.Command) -> list[str]:
    """Return a command's flags with this machine's paths and one model; a contract test judges the names of models."""
    flags = [REPOSITORIES.get(flag, flag) for flag in command.server_flags]
    return [*(flag for flag in flags if not flag.startswith(("--load-model=", REDIS))), f"--load-model={MODEL}"]


def different(commands: list[containers.Command]) -> list[containers.Command]:
    """Return the commands whose flags are not a part of another command's flags."""
    found: dict[frozenset[str], containers.Command] = {}
    for command in sorted(commands, key=lambda each: -len(each.server_flags)):
        flags = frozenset(flags_here(command))
        if not any(flags <= others for others in found):
            found[flags] = command
    return list(found.values())


@contextlib.contextmanager
def running(command: containers.Command, root: Path) -> Iterator[Container]:
    containers.place(containers.SERVER_STAGE, root)
    (root / "key").write_text(KEY)
    distribution, addresses = tritonserver.distribution(), free_addresses()
    environment = {**distribution.environment(), KEY_FILE: str(root / "key")}
    launch = command.arguments[0]
    program = [f"{root}{launch}", *distribution.command([]), *flags_here(command), *addresses.flags()]
    server = ServerProcess(program, environment)
    try:
        server.wait_until_ready(addresses)
        yield Container(root, addresses.http, environment, server)
    finally:
        server.end()


COMMANDS = different(containers.commands())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.source)
def test_a_container_serves_is_healthy_and_asks_for_the_key(command: containers.Command, tmp_path: Path) -> None:
    build_missing([MODEL])
    with running(command, tmp_path) as container:
        (server,) = psutil.Process(container.process.pid).children()
        assert server.name() == "tritonserver", "something stands between the entrypoint and it"
        checked = container.healthcheck()
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert f"ok      {MODEL} " in checked.stdout
        assert container.healthcheck(**{KEY_FILE: ""}).returncode == 1
        assert container.index() != 200
        assert container.index(**{HEADER: KEY}) == 200
        with Client(container.url, key=KEY) as client:
            assert MODEL in {model.name for model in client.models()}
        if command is COMMANDS[0]:  # the entrypoint is everybody's
            server.children()[0].kill()
            assert container.process.wait() == 1, "a server that has lost a Python process goes on"
