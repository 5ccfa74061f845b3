"""HAProxy in front of servers that it knows by names, of which the addresses change."""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread

from cronnx_lab.attack.proxy import balancing
from cronnx_lab.fuzz.requests import Connection, HttpRequest
from tests.server.haproxy import skip_without_haproxy
from tests.server.polling import until
from tests.server.recording_replica import Replica

NAME = "triton.test"
A, NO_ERROR, NO_SUCH_NAME = 1, 0x8180, 0x8183
POINTER_TO_QUESTION = 0xC00C


@dataclass
class Dns:
    """A DNS server on a free port of loopback.

    Attributes:
        known: The address of each name.
        address: Where it listens.
    """

    known: dict[str, str] = field(default_factory=dict)
    address: str = ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        known = self.known

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                query, socket = self.request
                socket.sendto(answer(query, known), self.client_address)

        with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
            self.address = f"127.0.0.1:{server.server_address[1]}"
            Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()


def answer(query: bytes, known: dict[str, str]) -> bytes:
    """Answer a query for one name: https://www.rfc-editor.org/rfc/rfc1035#section-4."""
    end = query.index(b"\0", 12) + 5
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode())
        position += 1 + length
    address = known.get(".".join(labels))
    (kind,) = struct.unpack_from(">H", query, end - 4)
    record = b""
    if address and kind == A:
        record = struct.pack(">HHHIH", POINTER_TO_QUESTION, A, 1, 1, 4) + IPv4Address(address).packed
    header = struct.pack(">2sHHHHH", query[:2], NO_ERROR if address else NO_SUCH_NAME, 1, bool(record), 0, 0)
    return header + query[12:end] + record


def test_a_server_that_is_made_anew_is_found_at_its_new_address(tmp_path: Path) -> None:
    skip_without_haproxy()
    dns, before = Dns({NAME: "127.0.0.1"}), Replica()
    after = Replica(replace(before.addresses, address="127.0.0.2"))
    with dns.serving(), before.serving(), after.serving():
        variables = {"HAPROXY_DNS": dns.address, "TRITON_1": NAME}
        with (
            balancing([before.addresses], tmp_path, variables=variables) as proxy,
            closing(Connection(proxy.addresses)) as connection,
        ):
            connection.send(HttpRequest("/v2/models/any/infer"))
            assert len(before.received) == 1
            dns.known[NAME] = "127.0.0.2"

            def is_found() -> bool:
                connection.send(HttpRequest("/v2/models/any/infer"))
                return bool(after.received)

            until(is_found, what="requests reach the new address")
            assert proxy.replicas_up() == 1
