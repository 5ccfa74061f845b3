from __future__ import annotations

import pytest

from cronnx import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    ServerFault,
)
from cronnx._transports.refusals import RequestContext

CONTEXT = RequestContext("grpc://host:8001", 2.5, "m", "r1")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("INVALID_ARGUMENT", "in ensemble 'm', image[3]: truncated JPEG", InvalidInput),
        ("INVALID_ARGUMENT", "Request for unknown model: 'm' is not found", ModelNotFound),
        ("NOT_FOUND", "Request for unknown model: 'm' is not found", ModelNotFound),
        ("UNAVAILABLE", "Request for unknown model: 'm' has no available versions", NotReady),
        ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
        ("UNAVAILABLE", "Request timeout expired", Overloaded),
        ("UNAVAILABLE", "Server is stopping", NotReady),
        ("UNAVAILABLE", "This protocol is restricted, expecting header 'triton-grpc-protocol-k'", InvalidInput),
        ("HTTP 403", "This API is restricted, expecting header 'k'", InvalidInput),
        ("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled", InvalidInput),
        ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (9 vs. 4)", InvalidInput),
        ("INVALID_ARGUMENT", "requested model 'm' is not available", ModelNotFound),
        ("INVALID_ARGUMENT", "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal", ServerFault),
        ("INTERNAL", "failed to load 'm', failed to poll from model repository", ModelNotFound),
        ("RESOURCE_EXHAUSTED", "", Overloaded),
        ("DEADLINE_EXCEEDED", "", DeadlineExceeded),
        ("INTERNAL", "in ensemble 'm', Stub process 'm_onnx_0_0' is not healthy.", NotReady),
        ("INTERNAL", "onnx runtime error", ServerFault),
        ("something new", None, ServerFault),
    ],
)
def test_status_and_message_together_say_what_happened(
    status: str, message: str | None, kind: type[CronnxError]
) -> None:
    assert type(CONTEXT.refused(status, message)) is kind


def test_an_error_carries_the_call_and_the_servers_words() -> None:
    error = CONTEXT.refused("INVALID_ARGUMENT", "truncated JPEG")
    assert (error.model_name, error.request_id, error.server_message) == ("m", "r1", "truncated JPEG")
    assert str(error) == "truncated JPEG"


def test_a_command_that_needs_explicit_mode_says_how_to_start_the_server() -> None:
    error = CONTEXT.refused("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled")
    assert str(error).endswith(" enabled; start the server with --model-control-mode=explicit")


def test_a_refusal_without_a_message_names_the_status() -> None:
    assert str(CONTEXT.refused("INTERNAL", "")) == "grpc://host:8001 answered INTERNAL without a message"


def test_a_passed_deadline_says_how_long_was_waited() -> None:
    assert str(CONTEXT.timed_out()) == "no answer from grpc://host:8001 within 2.5 s"


@pytest.mark.parametrize("request_sent", [True, False])
def test_a_missing_server_is_named_with_its_address(request_sent: bool) -> None:
    error = CONTEXT.unreachable("connection refused", request_sent=request_sent)
    assert str(error) == "cannot reach grpc://host:8001: connection refused; is the server running?"
    assert isinstance(error, ConnectionFailed)
    assert error.request_sent is request_sent


def test_the_error_for_an_unreadable_answer_shows_nothing_that_was_sent() -> None:
    class HttpError(Exception):
        def __repr__(self) -> str:
            return "HttpError(headers={'x-key': 'secret'})"

    assert (
        str(CONTEXT.unreadable(HttpError("bad line")))
        == "cannot read the answer of grpc://host:8001: HttpError: bad line; is this Triton's gRPC port?"
    )


FOREIGN = "an exception occurred in the client while decoding the response: no JSON\nresponse: "
PAGE = "<html><body><h1>Not here</h1>\n</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        ("NOT_FOUND", PAGE, ServerFault, "answered NOT_FOUND: Not here; is this Triton's HTTP port?"),
        ("HTTP 500", "x" * 10_000, ServerFault, "xxx...; is this Triton's HTTP port?"),
        ("UNAVAILABLE", PAGE, NotReady, "answered UNAVAILABLE: Not here"),
        ("DEADLINE_EXCEEDED", PAGE, DeadlineExceeded, "no answer from http://host:8000 within 1 s"),
        ("UNAUTHENTICATED", "", InvalidInput, "answered UNAUTHENTICATED: nothing"),
    ],
)
def test_a_refusal_of_another_server_is_shown_in_few_words(
    status: str, body: str, kind: type[CronnxError], text: str
) -> None:
    error = RequestContext("http://host:8000", 1.0).refused(status, FOREIGN + body)
    assert type(error) is kind
    assert str(error).endswith(text)
    assert len(str(error)) < 200


def test_an_unknown_model_says_how_to_list_those_of_the_server() -> None:
    error = CONTEXT.refused("NOT_FOUND", "Request for unknown model: 'm' is not found")
    assert str(error) == "Request for unknown model: 'm' is not found; `cronnx models` lists what the server has"


def test_a_name_that_the_protocol_cannot_carry_is_the_callers_mistake() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "net\udcff".encode()
    error = CONTEXT.unreadable(caught.value)
    assert type(error) is InvalidInput
    assert str(error) == r"expected names that UTF-8 can express, got one with '\udcff'"
