"""The transport for the addresses that a user gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cronnx._address import Address, address
from cronnx._errors import InvalidInput
from cronnx._failover import Failover
from cronnx._tls import Tls
from cronnx._transport import Transport

# What both protocols take; gRPC keeps names that begin or end like these for itself.
_HEADER_NAME = re.compile(r"(?!grpc-)[a-z0-9_.-]+(?<!-bin)", re.IGNORECASE | re.ASCII)
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

# What scripts/serve has Triton ask for; over gRPC Triton puts a prefix of its own before it.
_HTTP_KEY, _GRPC_KEY = "cronnx-key", "triton-grpc-protocol-cronnx-key"


def connect(
    urls: str | Sequence[str],
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    tls: Tls | None = None,
    shared_memory: bool = False,
) -> Transport:
    """Make the transport for one URL or several; connections are made by the first request.

    Raises:
        InvalidInput: A URL, the key or a header cannot be used, there is no URL, or none for `tls`.
    """
    addresses = [address(url) for url in ([urls] if isinstance(urls, str) else urls)]
    if not addresses:
        raise InvalidInput("no server URL is given, expected at least one")
    if tls and not any(each.is_encrypted for each in addresses):
        raise InvalidInput(f"tls is given, but {addresses[0]} is not encrypted: use grpcs:// or https://")
    transports = [
        _connect_to(each, _headers(each, key, headers or {}), tls or Tls(), shared_memory=shared_memory)
        for each in addresses
    ]
    return transports[0] if len(transports) == 1 else Failover(transports)


def _connect_to(address: Address, headers: Mapping[str, str], tls: Tls, *, shared_memory: bool) -> Transport:
    transport = _by_protocol(address, headers, tls)
    if not shared_memory:
        return transport
    from cronnx._shared_memory import SharedMemory

    return SharedMemory(transport)


def _by_protocol(address: Address, headers: Mapping[str, str], tls: Tls) -> Transport:
    # Imported here: each protocol's libraries take a while, and only one is wanted.
    if address.is_grpc:
        from cronnx._grpc import GrpcTransport

        return GrpcTransport(address, headers=headers, tls=tls)
    from cronnx._http import HttpTransport

    return HttpTransport(address, headers=headers, tls=tls)


def _headers(address: Address, key: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    if key is not None:
        headers = {(_GRPC_KEY if address.is_grpc else _HTTP_KEY): key, **headers}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInput(f"header name {name!r}: expected letters, digits, '-', '_' and '.'; not grpc-* or *-bin")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(f"the value of header {name!r}: expected printable ASCII")  # a secret: not shown
    return dict(headers)
