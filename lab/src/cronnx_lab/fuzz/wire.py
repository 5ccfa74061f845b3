"""Requests as they are on the wire, whole or not, and answers of either protocol in one form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

import grpc

from cronnx_server.serve.addresses import Addresses

# As Triton itself maps its errors to HTTP; what gRPC alone knows is next to its like.
STATUS_OF_CODE = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
}

INFER = "/inference.GRPCInferenceService/ModelInfer"


class NoAnswerError(Exception):
    """The server hung up, or said nothing within the time."""


@dataclass(frozen=True)
class HttpRequest:
    """A request over HTTP.

    Attributes:
        path: from the root.
        body: sent whole, with its length.
        headers: in addition.
        method: of HTTP.
    """

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True)
class GrpcRequest:
    """A call over gRPC: `message` is sent as it is, a protobuf message or not."""

    message: bytes
    method: str = INFER


Request = HttpRequest | GrpcRequest


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: by HTTP's numbers, whatever the protocol.
        body: of a success, JSON over HTTP or a protobuf message.
        message: of a refusal.
    """

    status: int
    body: bytes = b""
    message: str = ""


class Wire:
    """Asks one server; usable from several threads."""

    def __init__(self, addresses: Addresses, *, timeout_s: float = 60) -> None:
        """Name the server, and how long an answer may take before it is none."""
        self._addresses, self._timeout_s = addresses, timeout_s
        unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        target = addresses.grpc.removeprefix("grpc://")
        self._channel = grpc.insecure_channel(target, [*unlimited, ("grpc.enable_http_proxy", 0)])

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def ask(self, request: Request) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            NoAnswerError: there was none.
        """
        return self._over_http(request) if isinstance(request, HttpRequest) else self._over_grpc(request)

    def _over_http(self, request: HttpRequest) -> Answer:
        # A connection each: what one request does to its connection is not the next one's fault.
        connection = HTTPConnection(self._addresses.address, self._addresses.http_port, timeout=self._timeout_s)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            raise NoAnswerError(f"over HTTP: {error!r}") from error
        finally:
            connection.close()
        return Answer(response.status, body) if response.status == 200 else Answer(response.status, body, _error(body))

    def _over_grpc(self, request: GrpcRequest) -> Answer:
        call = self._channel.unary_unary(request.method)
        try:
            return Answer(200, call(request.message, timeout=self._timeout_s))
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
        is_answer = code in STATUS_OF_CODE and not (code is grpc.StatusCode.UNAVAILABLE and "connect" in details)
        if not is_answer:
            raise NoAnswerError(f"over gRPC: {code.name}: {details}")
        return Answer(STATUS_OF_CODE[code], message=details or code.name)


def _error(body: bytes) -> str:
    """The text of Triton's error; the body itself where it has none."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")
