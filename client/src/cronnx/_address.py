"""Where a server listens, and by which protocol."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from cronnx._errors import InvalidInput

_DEFAULT_PORTS = {"grpc": 8001, "grpcs": 443, "http": 8000, "https": 443}


@dataclass(frozen=True)
class Address:
    """One address of a server.

    Attributes:
        scheme: `grpc`, `grpcs`, `http` or `https`.
        host: A name or an IP address; an IPv6 address in brackets.
    """

    scheme: str
    host: str
    port: int

    @property
    def host_port(self) -> str:
        """As HOST:PORT."""
        return f"{self.host}:{self.port}"

    @property
    def is_grpc(self) -> bool:
        """Whether it speaks gRPC; else HTTP."""
        return self.scheme.startswith("grpc")

    @property
    def is_encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme in ("grpcs", "https")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_port}"


def address(url: str) -> Address:
    """Read a URL; see `Client` for what may be left out.

    Raises:
        InvalidInput: It is none, or has more than a scheme, a host and a port.
    """
    refusal = InvalidInput(
        f"server URL {url!r}: expected grpc://HOST:PORT, grpcs://HOST:PORT, http://HOST:PORT, https://HOST:PORT"
        " or HOST:PORT"
    )
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        port = parts.port
    except ValueError as error:  # a port that is no number, brackets that do not close
        raise refusal from error
    scheme = parts.scheme or ("http" if port == _DEFAULT_PORTS["http"] else "grpc")
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0 or not bare:
        raise refusal
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(scheme, host, port or _DEFAULT_PORTS[scheme])
