from __future__ import annotations

import socket
import urllib.request

import pytest

from cronnx_server.errors import SetupError
from cronnx_server.exporter.export import export
from cronnx_server.exporter.triton import Triton
from cronnx_server.serve.addresses import free_addresses


def test_a_server_that_is_not_there_is_exported_as_not_ready() -> None:
    nowhere = free_addresses().http
    with (
        export(Triton(nowhere, timeout_s=5), address="127.0.0.1", port=0) as url,
        urllib.request.urlopen(url) as answer,
    ):
        assert "\nserver_ready 0.0\n" in answer.read().decode()


def test_a_port_that_is_taken_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1 port {port}: .*--port"),
            export(Triton("http://127.0.0.1:1", timeout_s=5), address="127.0.0.1", port=port),
        ):
            pass
