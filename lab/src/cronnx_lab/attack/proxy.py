"""HAProxy with this project's configuration, in front of servers on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab.errors import MeasurementError
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses

CONFIGS = ROOT / "deploy" / "haproxy"
PLAIN, WITH_TLS = ("haproxy.cfg",), ("haproxy.cfg", "tls.cfg")
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where Debian installs haproxy
READY_S = 60.0
POLL_S = 0.05


def command(*arguments: str, configs: Sequence[str] = PLAIN) -> list[str]:
    """A command line of HAProxy with files of `deploy/haproxy`.

    Raises:
        MeasurementError: HAProxy is not installed.
    """
    found = shutil.which("haproxy", path=SEARCH_PATH)
    if found is None:
        raise MeasurementError("expected haproxy 2.6 or newer on PATH, got none; on Debian: apt-get install haproxy")
    return [found, *arguments, "--", *(str(CONFIGS / name) for name in configs)]


@dataclass(frozen=True)
class Proxy:
    """A running HAProxy.

    Attributes:
        addresses: Where it listens; the metrics port is unused.
        admin: Its administration socket.
    """

    addresses: Addresses
    admin: Path

    def say(self, text: str) -> str:
        """Send a command to the administration socket; the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(f"{text}\n".encode())
            with connection.makefile() as answer:
                return answer.read()

    def replicas_up(self) -> int:
        """The number of replicas that get requests."""
        lines = [line.split(",") for line in self.say("show stat").splitlines()]
        servers = (line for line in lines if line[0] == "triton_http" and line[1] != "BACKEND")
        return sum(line[17].startswith("UP") for line in servers)  # "UP 1/2" after one failed check, still serving


def environment(replicas: Sequence[Addresses], own: Addresses, folder: Path) -> dict[str, str]:
    """The environment variables that point the configuration at one to three servers.

    Args:
        replicas: The servers.
        own: Where HAProxy listens.
        folder: The folder for its administration socket.
    """
    variables = {
        "HAPROXY_ADMIN": str(folder / "haproxy.sock"),
        "HAPROXY_HTTP": f"{own.address}:{own.http_port}",
        "HAPROXY_GRPC": f"{own.address}:{own.grpc_port}",
        "HAPROXY_INSPECT": str(CONFIGS / "inspect.lua"),
    }
    for number, each in enumerate(replicas, start=1):
        variables[f"TRITON_{number}_HTTP"] = str(each.http_port)
        variables[f"TRITON_{number}_GRPC"] = str(each.grpc_port)
    return variables


@contextlib.contextmanager
def balancing(
    replicas: Sequence[Addresses],
    folder: Path,
    *,
    log: Path | None = None,
    configs: Sequence[str] = PLAIN,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """Run HAProxy for the duration of the context, which begins when every server is up.

    Args:
        replicas: One to three servers.
        folder: An empty folder for its administration socket.
        log: The file for its log; None for `haproxy.log` in the folder.
        configs: Files of `deploy/haproxy`.
        variables: Further environment variables.

    Raises:
        MeasurementError: HAProxy is not installed, or a server is not up in time.
    """
    own, log = free_addresses(), log or folder / "haproxy.log"
    environ = {**os.environ, **environment(replicas, own, folder), **(variables or {})}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command("-db", configs=configs),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environ,
        ) as process,
    ):
        try:
            proxy = Proxy(own, Path(environ["HAPROXY_ADMIN"]))
            gives_up_s = time.monotonic() + READY_S
            while not proxy.admin.exists() or proxy.replicas_up() < len(replicas):
                if process.poll() is not None or time.monotonic() > gives_up_s:
                    raise MeasurementError(f"HAProxy sees too few replicas; see {log}")
                time.sleep(POLL_S)
            yield proxy
        finally:
            process.terminate()
