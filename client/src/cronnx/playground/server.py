"""The server that a playground asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from cronnx import AsyncClient, InvalidInput, Tls
from cronnx._config import DEFAULT_TIMEOUT_S
from cronnx._transports.connection import GRPC_KEY, HTTP_KEY, parse_address

Connect: TypeAlias = Callable[[str | None], AsyncClient]
"""Makes a client with a key, or without one; tests give their own."""


@dataclass(frozen=True)
class Server:
    """The server that a playground asks, and how.

    Attributes:
        urls: Its addresses.
        timeout_s: The longest wait for an answer, in seconds.
        headers: Sent with every request. They have no key: whoever reaches the page would use it.
        ca_file: The authorities that its certificate is checked with; None for the system's.
    """

    urls: Sequence[str]
    timeout_s: float = DEFAULT_TIMEOUT_S
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidInput if a header has a key."""
        for name in self.headers:
            if name.lower() in (HTTP_KEY, GRPC_KEY):
                raise InvalidInput(f"header {name}: expected no key, got one; the page asks its users for theirs")

    @property
    def url(self) -> str:
        """The first address."""
        return self.urls[0]

    @property
    def http_url(self) -> str | None:
        """The first address that speaks HTTP; None if there is none."""
        return next((str(each) for each in map(parse_address, self.urls) if not each.is_grpc), None)

    @property
    def tls(self) -> Tls | None:
        """The authorities to trust; None for the system's."""
        return Tls(ca_file=self.ca_file) if self.ca_file else None

    def connect(self, key: str | None) -> AsyncClient:
        """Make a client."""
        return AsyncClient(self.urls, timeout_s=self.timeout_s, key=key, headers=self.headers, tls=self.tls)
