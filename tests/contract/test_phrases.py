"""The words, the header and the address that packages share without importing each other."""

from __future__ import annotations

import pytest

from cronnx import Overloaded
from cronnx._config import DEFAULT_URL
from cronnx._transports import connection
from cronnx._transports.refusals import RequestContext
from cronnx_preprocess import QUEUE_FULL, REQUEST_TIMEOUT
from cronnx_router.errors import OVERLOAD_PHRASES
from cronnx_server import key
from cronnx_server.healthcheck import health
from cronnx_server.serve.addresses import Addresses


def test_the_router_knows_the_refusals_of_a_queue() -> None:
    assert OVERLOAD_PHRASES == (QUEUE_FULL, REQUEST_TIMEOUT)


def test_the_health_check_knows_a_full_queue() -> None:
    assert health.FULL == QUEUE_FULL


@pytest.mark.parametrize("phrase", [QUEUE_FULL, REQUEST_TIMEOUT])
def test_the_client_reads_the_refusals_of_a_queue_as_overload(phrase: str) -> None:
    assert isinstance(RequestContext("grpc://host:8001", 1.0).refused("UNAVAILABLE", phrase), Overloaded)


def test_client_and_server_send_the_key_in_the_same_header() -> None:
    assert connection.HTTP_KEY == key.HEADER
    assert f"triton-grpc-protocol-{key.HEADER}" == connection.GRPC_KEY


def test_the_client_looks_for_a_server_where_one_listens() -> None:
    assert Addresses().grpc == DEFAULT_URL
