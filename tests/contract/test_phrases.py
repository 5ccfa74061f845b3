"""The phrases of refusals have their home in cronnx_preprocess; packages that cannot import it repeat them exactly."""

from __future__ import annotations

import pytest

from cronnx import Overloaded
from cronnx._transports import refusals
from cronnx_preprocess.errors import QUEUE_FULL, REQUEST_TIMEOUT
from cronnx_router.errors import OVERLOAD_PHRASES
from cronnx_server.healthcheck import health


@pytest.mark.parametrize("phrase", [QUEUE_FULL, REQUEST_TIMEOUT])
def test_the_client_reads_a_phrase_as_overload(phrase: str) -> None:
    error = refusals.RequestContext("grpc://127.0.0.1:8001", timeout_s=1).refused("UNAVAILABLE", f"in model: {phrase}")
    assert isinstance(error, Overloaded)


def test_the_router_knows_the_same_phrases() -> None:
    assert OVERLOAD_PHRASES == (QUEUE_FULL, REQUEST_TIMEOUT)


def test_the_health_check_knows_a_full_queue() -> None:
    assert health.FULL == QUEUE_FULL
