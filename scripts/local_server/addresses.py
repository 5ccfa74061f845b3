"""Where a server listens."""

from __future__ import annotations

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
        """As `tritonserver` takes them."""
        ports = {"http": self.http_port, "grpc": self.grpc_port, "metrics": self.metrics_port}
        return [
            flag
            for service, port in ports.items()
            for flag in (f"--{service}-port={port}", f"--{service}-address={self.address}")
        ]

    def check_free(self) -> None:
        """Raise SetupError if a port is taken or asked for twice, or the address is not this machine's."""
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
