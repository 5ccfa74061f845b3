from __future__ import annotations

import pytest

from cronnx import (
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    ServerFault,
)
from cronnx._call import Call

CALL = Call("grpc://host:8001", 2.5, "m", "r1")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("INVALID_ARGUMENT", "in ensemble 'm', image[3]: truncated JPEG", InvalidInput),
        ("INVALID_ARGUMENT", "Request for unknown model: 'm' is not found", ModelNotFound),
        ("NOT_FOUND", "Request for unknown model: 'm' is not found", ModelNotFound),
        ("UNAVAILABLE", "Request for unknown model: 'm' has no available versions", ModelNotFound),
        ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
        ("UNAVAILABLE", "Request timeout expired", Overloaded),
        ("UNAVAILABLE", "Server is stopping", NotReady),
        ("RESOURCE_EXHAUSTED", "", Overloaded),
        ("DEADLINE_EXCEEDED", "", DeadlineExceeded),
        ("INTERNAL", "onnx runtime error", ServerFault),
        ("something new", None, ServerFault),
    ],
)
def test_status_and_message_together_say_what_happened(
    status: str, message: str | None, kind: type[CronnxError]
) -> None:
    assert type(CALL.refused(status, message)) is kind


def test_an_error_carries_the_call_and_the_servers_words() -> None:
    error = CALL.refused("INVALID_ARGUMENT", "truncated JPEG")
    assert (error.model_name, error.request_id, error.server_message) == ("m", "r1", "truncated JPEG")
    assert str(error) == "truncated JPEG"


def test_a_refusal_without_words_is_still_told() -> None:
    assert str(CALL.refused("INTERNAL", "")) == "grpc://host:8001 answered INTERNAL without a message"


def test_a_passed_deadline_says_how_long_was_waited() -> None:
    assert str(CALL.timed_out()) == "no answer from grpc://host:8001 within 2.5 s"


def test_a_missing_server_is_named_with_its_address() -> None:
    message = str(CALL.unreachable("connection refused"))
    assert message == "cannot reach grpc://host:8001: connection refused. Is the server running?"
