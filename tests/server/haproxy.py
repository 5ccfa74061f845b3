"""Debian's HAProxy with this project's configuration, in front of a test's servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.server.polling import until

CONFIGS = ROOT / "deploy" / "haproxy"
PLAIN, WITH_TLS = ("haproxy.cfg",), ("haproxy.cfg", "tls.cfg")
PATH = f"{os.environ['PATH']}:/usr/sbin"  # where Debian installs haproxy


def command(*arguments: str, configs: Sequence[str] = PLAIN) -> list[str]:
    """Return a command line of HAProxy with files of `deploy/haproxy`."""
    found = shutil.which("haproxy", path=PATH)
    if found is None:
        pytest.skip("Debian's haproxy is not installed: apt-get install haproxy")
    return [found, *arguments, "--", *(str(CONFIGS / name) for name in configs)]


@dataclass(frozen=True)
class Proxy:
    """A running HAProxy: its addresses and its administration socket."""

    grpc: str
    http: str
    admin: Path

    def say(self, command: str) -> str:
        """Send a command to the administration socket and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(f"{command}\n".encode())
            with connection.makefile() as answer:
                return answer.read()

    def replicas_up(self) -> int:
        """Return the number of replicas that get requests."""
        lines = [line.split(",") for line in self.say("show stat").splitlines()]
        return sum(line[0] == "triton_http" and line[1] != "BACKEND" and line[17] == "UP" for line in lines if line[0])


def environment(replicas: Sequence[Addresses], folder: Path) -> dict[str, str]:
    """Return the environment variables that point the configuration at these servers."""
    own = free_addresses()
    variables = {
        "HAPROXY_ADMIN": str(folder / "haproxy.sock"),
        "HAPROXY_HTTP": f"{own.address}:{own.http_port}",
        "HAPROXY_GRPC": f"{own.address}:{own.grpc_port}",
    }
    for number, each in enumerate(replicas, start=1):
        variables[f"TRITON_{number}_HTTP"] = str(each.http_port)
        variables[f"TRITON_{number}_GRPC"] = str(each.grpc_port)
    return variables


@contextlib.contextmanager
def balancing(variables: Mapping[str, str], *, replicas: int, configs: Sequence[str] = PLAIN) -> Iterator[Proxy]:
    """Run HAProxy for the duration of the block, which begins when `replicas` servers are up."""
    environ = {**os.environ, **variables}
    with subprocess.Popen(
        command("-db", configs=configs), stdin=subprocess.DEVNULL, start_new_session=True, env=environ
    ) as process:
        try:
            admin = Path(variables["HAPROXY_ADMIN"])
            proxy = Proxy(f"grpc://{variables['HAPROXY_GRPC']}", f"http://{variables['HAPROXY_HTTP']}", admin)
            until(lambda: admin.exists() and proxy.replicas_up() == replicas, what=f"{replicas} replicas are up")
            yield proxy
        finally:
            process.terminate()
