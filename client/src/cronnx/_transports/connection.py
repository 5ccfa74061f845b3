"""From a user's URLs, key and headers to a transport."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from cronnx._config import Tls
from cronnx._errors import InvalidInput
from cronnx._transports.base import Transport
from cronnx._transports.bounded import Bounded
from cronnx._transports.failover import Failover

_DEFAULT_PORTS = {"grpc": 8001, "grpcs": 443, "http": 8000, "https": 443}

# What both protocols accept; gRPC reserves names that begin or end like these.
_HEADER_NAME = re.compile(r"(?!grpc-)[a-z0-9_.-]+(?<!-bin)", re.IGNORECASE | re.ASCII)
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

# The header that scripts/serve restricts Triton's APIs with; over gRPC Triton expects a prefix.
HTTP_KEY, GRPC_KEY = "cronnx-key", "triton-grpc-protocol-cronnx-key"


@dataclass(frozen=True)
class Address:
    """One address of a server.

    Attributes:
        scheme: `grpc`, `grpcs`, `http` or `https`.
        host: A name or an IP address; an IPv6 address in brackets.
        port: The port.
    """

    scheme: str
    host: str
    port: int

    @property
    def host_port(self) -> str:
        """The address as HOST:PORT."""
        return f"{self.host}:{self.port}"

    @property
    def is_grpc(self) -> bool:
        """Whether the protocol is gRPC; otherwise it is HTTP."""
        return self.scheme.startswith("grpc")

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this one by name or by address."""
        host = self.host.strip("[]")
        try:
            return ip_address(host).is_loopback
        except ValueError:  # a name
            return host == "localhost" or host.endswith(".localhost")

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.scheme in ("grpcs", "https")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_port}"


def parse_address(url: str) -> Address:
    """Parse a URL; `Client` says which parts are optional.

    Raises:
        InvalidInput: The text is not a URL, or has more than a scheme, a host and a port.
    """
    invalid = InvalidInput(
        "server URL: expected grpc://HOST:PORT, grpcs://HOST:PORT, http://HOST:PORT, https://HOST:PORT or HOST:PORT,"
        f" got {url!r}"
    )
    if not isinstance(url, str):
        raise invalid
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        port = parts.port
    except ValueError as error:  # the port is not a number, or a bracket is not closed
        raise invalid from error
    scheme = parts.scheme or ("http" if port == _DEFAULT_PORTS["http"] else "grpc")
    has_only_an_address = parts.path in ("", "/") and not (parts.query or parts.fragment or re.search(r"[@\s]", url))
    if scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0 or not has_only_an_address:
        raise invalid
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(scheme, host, port or _DEFAULT_PORTS[scheme])


def connect(
    urls: str | Sequence[str],
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    tls: Tls | None = None,
    shared_memory: bool = False,
    bounded: bool = True,
) -> Transport:
    """Make the transport for one URL or several. It connects with the first request.

    Args:
        urls: The server or servers.
        key: The key of the restricted APIs.
        headers: Sent with every request.
        tls: The certificates.
        shared_memory: Whether inputs go through shared memory.
        bounded: Whether each server gets only as many inferences at a time as it queues.

    Raises:
        InvalidInput: A URL, the key or a header cannot be used, there is no URL, `tls` is given without a URL that
            uses TLS, or this system has no shared memory that Triton can read.
    """
    if not isinstance(urls, Sequence):
        raise InvalidInput(f"server URL: expected text such as grpc://127.0.0.1:8001, or a list of them; got {urls!r}")
    addresses = [parse_address(url) for url in ([urls] if isinstance(urls, str) else urls)]
    if not addresses:
        raise InvalidInput("expected at least one server URL, got none")
    if tls and not any(address.is_encrypted for address in addresses):
        raise InvalidInput(f"tls is given, but {addresses[0]} is not encrypted: use grpcs:// or https://")
    transports: list[Transport] = [
        _connect_to(address, _checked_headers(address, key, headers or {}), tls, shared_memory=shared_memory)
        for address in addresses
    ]
    if bounded:
        transports = [Bounded(transport) for transport in transports]
    if len(transports) == 1:
        return transports[0]
    return Failover(transports, names=list(map(str, addresses)))


def _connect_to(address: Address, headers: Mapping[str, str], tls: Tls | None, *, shared_memory: bool) -> Transport:
    transport = _by_protocol(address, headers, tls)
    if shared_memory:
        if sys.platform == "linux":
            from cronnx._transports.shared_memory import SharedMemory

            return SharedMemory(transport)
        raise InvalidInput(f"shared_memory: expected Linux, got {sys.platform}; leave shared_memory out")
    return transport


def _by_protocol(address: Address, headers: Mapping[str, str], tls: Tls | None) -> Transport:
    tls = (tls or Tls()) if address.is_encrypted else None
    # Imported here because each protocol's libraries load slowly and usually only one is used.
    if address.is_grpc:
        from cronnx._transports.grpc import GrpcTransport

        return GrpcTransport(address, headers=headers, tls=tls)
    from cronnx._transports.http import HttpTransport

    return HttpTransport(address, headers=headers, tls=tls)


def _checked_headers(address: Address, key: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    if key is not None:
        headers = {(GRPC_KEY if address.is_grpc else HTTP_KEY): key, **headers}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInput(
                f"header name: expected letters, digits, '-', '_' and '.', but not grpc-* or *-bin; got {name!r}"
            )
        if not _HEADER_VALUE.fullmatch(value):  # it may be a secret: not shown
            raise InvalidInput(f"value of header {name!r}: expected printable ASCII, got other characters")
    return dict(headers)
