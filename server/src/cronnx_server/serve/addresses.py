"""Where a server listens."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass

from cronnx_server.errors import SetupError
from cronnx_server.serve.grpc_tls import GrpcTls


@dataclass(frozen=True)
class Addresses:
    """One address and a port for each of Triton's services.

    Attributes:
        tls: for gRPC; where it is given, HTTP, which cannot be encrypted, is on loopback, for a proxy.
    """

    address: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int = 8001
    metrics_port: int = 8002
    tls: GrpcTls | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether other machines cannot reach it."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def http(self) -> str:
        """Of inference over HTTP, and of health."""
        return f"http://{_called(self._http_address)}:{self.http_port}"

    @property
    def grpc(self) -> str:
        """Of inference over gRPC."""
        return f"{'grpcs' if self.tls else 'grpc'}://{_called(self.address)}:{self.grpc_port}"

    @property
    def metrics(self) -> str:
        """Of the metrics for Prometheus."""
        return f"http://{_called(self.address)}:{self.metrics_port}/metrics"

    @property
    def _http_address(self) -> str:
        return ("::1" if ":" in self.address else "127.0.0.1") if self.tls else self.address

    def flags(self) -> list[str]:
        """As `tritonserver` takes them: its HTTP tells IPv6 by a prefix, its gRPC by brackets."""
        ipv6 = ":" in self.address
        prefix, grpc = ("ipv6:", f"[{self.address}]") if ipv6 else ("", self.address)
        return [
            f"--http-port={self.http_port}",
            f"--http-address={prefix}{self._http_address}",
            f"--grpc-port={self.grpc_port}",
            f"--grpc-address={grpc}",
            f"--metrics-port={self.metrics_port}",
            f"--metrics-address={prefix}{self.address}",
            *(self.tls.flags() if self.tls else ()),
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


def _called(address: str) -> str:
    """What this machine calls a server by: one on every address is called on loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def free_addresses() -> Addresses:
    """Addresses on loopback nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return Addresses("127.0.0.1", *(each.getsockname()[1] for each in sockets))
