"""Where a server listens, and the TLS of its gRPC service."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from cronnx_server.errors import AddressError

_given: set[int] = set()  # by free_port


@dataclass(frozen=True)
class GrpcTls:
    """The files of an encrypted gRPC service, all PEM. Triton's HTTP has no TLS.

    Attributes:
        certificate_file: The server's certificate and its chain.
        key_file: The private key of the certificate, without a password.
        client_ca_file: The authorities that must have signed a caller's certificate; None if callers need none.
    """

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise AddressError if the files cannot be used: Triton would report that its port is taken."""
        files = [str(each) for each in (self.certificate_file, self.key_file, self.client_ca_file) if each]
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate_file, self.key_file, password=_no_password)
            if self.client_ca_file:
                context.load_verify_locations(self.client_ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = error.strerror or error if isinstance(error, OSError) else error
            raise AddressError(
                f"cannot use {', '.join(files)} for TLS: {reason}; give PEM files, and the key of the certificate"
            ) from error

    def flags(self) -> list[str]:
        """The flags of `tritonserver`."""
        flags = [
            "--grpc-use-ssl=true",
            f"--grpc-server-cert={self.certificate_file}",
            f"--grpc-server-key={self.key_file}",
        ]
        if self.client_ca_file:
            flags += ["--grpc-use-ssl-mutual=true", f"--grpc-root-cert={self.client_ca_file}"]
        return flags


def _no_password() -> str:
    raise ValueError("the key is encrypted")


@dataclass(frozen=True)
class Addresses:
    """One IP address, and a port for each of Triton's services.

    Attributes:
        address: The IP address to listen on; 0.0.0.0 and :: are all of this machine.
        http_port: The port of inference and health over HTTP.
        grpc_port: The port of inference and health over gRPC.
        metrics_port: The port of the metrics.
        tls: The TLS of gRPC, if any. With it HTTP, which cannot be encrypted, listens on loopback for a proxy.
    """

    address: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int = 8001
    metrics_port: int = 8002
    tls: GrpcTls | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether other machines cannot reach the server."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def http(self) -> str:
        """The URL of inference and health over HTTP."""
        return f"http://{_reachable(self._http_address)}:{self.http_port}"

    @property
    def grpc(self) -> str:
        """The URL of inference and health over gRPC."""
        return f"{'grpcs' if self.tls else 'grpc'}://{_reachable(self.address)}:{self.grpc_port}"

    @property
    def metrics(self) -> str:
        """The URL of the metrics for Prometheus."""
        return f"http://{_reachable(self.address)}:{self.metrics_port}/metrics"

    @property
    def _http_address(self) -> str:
        return ("::1" if ":" in self.address else "127.0.0.1") if self.tls else self.address

    def flags(self) -> list[str]:
        """The flags of `tritonserver`: its HTTP marks IPv6 by a prefix, its gRPC by brackets."""
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

    def check_free(self, *, playground_port: int | None = None) -> None:
        """Raise AddressError if a port is taken or given twice, or the address is not one of this machine."""
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:  # with a host name, tritonserver reports that it listens, and nobody reaches it
            raise AddressError(
                f"expected an IP address such as 127.0.0.1 or 0.0.0.0, got '{self.address}'; correct --address"
            ) from error
        options = {
            "--http-port": self.http_port,
            "--grpc-port": self.grpc_port,
            "--metrics-port": self.metrics_port,
            **({"--playground": playground_port} if playground_port else {}),
        }
        seen: dict[int, str] = {}
        for option, port in options.items():
            if port in seen:
                raise AddressError(f"{seen[port]} and {option} are both {port}; choose another port for one of them")
            seen[port] = option
            _check_free(self.address, port, option)


def _check_free(address: str, port: int, option: str) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        raise AddressError(
            f"cannot listen on {address} port {port}: {error.strerror}; choose another with {option}"
        ) from error


def _reachable(address: str) -> str:
    """The host by which this machine reaches a server: loopback for one that listens on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def free_port() -> int:
    """A port that is free on loopback; a different one at each call, for what got the last may not listen there yet."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def free_addresses() -> Addresses:
    """Three free ports on loopback."""
    return Addresses("127.0.0.1", free_port(), free_port(), free_port())
