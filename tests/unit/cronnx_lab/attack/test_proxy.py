from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from cronnx_lab.attack.proxy import Proxy
from cronnx_server.serve.addresses import Addresses

STATUS = 17  # the index of its column


def row(proxy: str, server: str, status: str) -> str:
    return ",".join([proxy, server, *[""] * (STATUS - 2), status, ""])


@pytest.mark.parametrize(
    ("status", "up"), [("UP", 1), ("UP 1/2", 1), ("DOWN", 0), ("DOWN 1/2", 0), ("DRAIN", 0), ("MAINT", 0)]
)
def test_a_replica_is_up_while_it_gets_requests(status: str, up: int, tmp_path: Path) -> None:
    answer = [
        row("# pxname", "svname", "status"),
        row("http", "FRONTEND", "OPEN"),
        row("triton_http", "triton_1", status),
        row("triton_http", "BACKEND", "UP"),
        row("triton_grpc", "triton_1", "UP"),
        "",
    ]
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(tmp_path / "admin"))
        admin.listen()
        server = threading.Thread(target=answer_one, args=(admin, "\n".join(answer)))
        server.start()
        assert Proxy(Addresses(), tmp_path / "admin").replicas_up() == up
        server.join()


def answer_one(admin: socket.socket, answer: str) -> None:
    connection, _ = admin.accept()
    with connection:
        assert connection.recv(100) == b"show stat\n"
        connection.sendall(answer.encode())
