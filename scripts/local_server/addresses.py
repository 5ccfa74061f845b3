"""Where a server listens."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass

from local_server.errors import SetupError


@dataclass(frozen=True)
class Addresses:
    """One address and a port for each of Triton's services."""

    address: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int = 8001
    metrics_port: int = 8002

    @property
    def http(self) -> str:
        """Of inference over HTTP, and of health."""
        return f"http://{self._host}:{self.http_port}"

    @property
    def grpc(self) -> str:
        """Of inference over gRPC."""
        return f"grpc://{self._host}:{self.grpc_port}"

    @property
    def metrics(self) -> str:
        """Of the metrics for Prometheus."""
        return f"http://{self._host}:{self.metrics_port}/metrics"

    @property
    def _host(self) -> str:
        """What this machine calls the server by: a server on every address is called on loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104 - compared, not bound
        return f"[{host}]" if ":" in host else host

    def flags(self) -> list[str]:
        """As `tritonserver` takes them: its HTTP tells IPv6 by a prefix, its gRPC by brackets."""
        ipv6 = ":" in self.address
        http, grpc = (f"ipv6:{self.address}", f"[{self.address}]") if ipv6 else (self.address, self.address)
        return [
            f"--http-port={self.http_port}",
            f"--http-address={http}",
            f"--grpc-port={self.grpc_port}",
            f"--grpc-address={grpc}",
            f"--metrics-port={self.metrics_port}",
            f"--metrics-address={http}",
        ]

    def check_free(self) -> None:
        """Raise SetupError if a port is taken or asked for twice, or the address is not one of this machine's."""
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:  # tritonserver would say that it listens, and nobody could reach it
            raise SetupError(f"'{self.address}' is no IP address, as 127.0.0.1 and 0.0.0.0 are") from error
        options = {
            "--http-port": self.http_port,
            "--grpc-port": self.grpc_port,
            "--metrics-port": self.metrics_port,
        }
        taken: dict[int, str] = {}
        for option, port in options.items():
            if port in taken:
                raise SetupError(f"{taken[port]} and {option} are both {port}; choose another for one of them")
            taken[port] = option
            try:
                family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
                with socket.socket(family) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((self.address, port))
            except OSError as error:
                raise SetupError(
                    f"cannot listen on {self.address} port {port}: {error.strerror}; choose another with {option}"
                ) from error


def free_addresses() -> Addresses:
    """Addresses on loopback nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return Addresses("127.0.0.1", *(each.getsockname()[1] for each in sockets))
