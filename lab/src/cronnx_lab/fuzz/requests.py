"""Requests byte by byte, sound or not, and answers of both protocols in one form."""

from __future__ import annotations

import contextlib
import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

import grpc
from tritonclient.grpc import service_pb2

from cronnx_server.serve.addresses import Addresses

# Triton's own mapping of errors to HTTP; a code that only gRPC has gets the nearest status.
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
    """The server closed the connection, or did not answer in time."""


@dataclass(frozen=True)
class HttpRequest:
    """A request over HTTP.

    Attributes:
        path: The path, from the root.
        body: The body, sent with its true length.
        headers: Additional headers.
        method: The HTTP method.
    """

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True)
class GrpcRequest:
    """A gRPC call; `message` is sent as it is, valid protobuf or not."""

    message: bytes
    method: str = INFER


Request = HttpRequest | GrpcRequest


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: The HTTP status; over gRPC the one that Triton maps the code to.
        body: The body of a success: JSON over HTTP, a protobuf message over gRPC.
        message: The error message of a refusal.
    """

    status: int
    body: bytes = b""
    message: str = ""


class Connection:
    """Sends requests to one server, from any number of threads."""

    def __init__(self, addresses: Addresses, *, timeout_s: float = 60) -> None:
        """Connect to a server.

        Args:
            addresses: The addresses of the server.
            timeout_s: The longest wait for one answer, in seconds.
        """
        self._addresses, self._timeout_s = addresses, timeout_s
        unlimited = [(f"grpc.max_{transport}_message_length", -1) for transport in ("send", "receive")]
        target = addresses.grpc.removeprefix("grpc://")
        self._channel = grpc.insecure_channel(target, [*unlimited, ("grpc.enable_http_proxy", 0)])

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def send(self, request: Request) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            NoAnswerError: The server did not answer.
        """
        return self._over_http(request) if isinstance(request, HttpRequest) else self._over_grpc(request)

    def _over_http(self, request: HttpRequest) -> Answer:
        # Each request gets its own connection, so that a broken one does not affect the next.
        connection = HTTPConnection(self._addresses.address, self._addresses.http_port, timeout=self._timeout_s)
        try:
            with contextlib.suppress(BrokenPipeError):  # the refusal may come before the end of the body
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
    """The text of Triton's error; the body itself if it has no such text."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")


@dataclass(frozen=True)
class Payload:
    """The content of an `image` input.

    Attributes:
        content: The bytes of a file or of a text.
        is_text: Whether JSON carries the content as it is; a file is sent in base64.
    """

    content: bytes
    is_text: bool = False

    @property
    def text(self) -> str:
        """The content as JSON carries it."""
        return self.content.decode() if self.is_text else b64encode(self.content).decode()


def over_http_json(model: str, payload: Payload) -> HttpRequest:
    """A call of `infer` with the tensor in the JSON."""
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [payload.text]}
    return HttpRequest(f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}).encode())


def over_http_binary(model: str, payload: Payload) -> HttpRequest:
    """A call of `infer` with the tensor after the JSON."""
    element = struct.pack("<I", len(payload.content)) + payload.content
    size = {"binary_data_size": len(element)}
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    return HttpRequest(f"/v2/models/{model}/infer", head + element, {"Inference-Header-Content-Length": str(len(head))})


def over_generate(model: str, payload: Payload) -> HttpRequest:
    """A call of `generate`, as curl sends it."""
    return HttpRequest(f"/v2/models/{model}/generate", json.dumps({"image": payload.text}).encode())


def over_grpc(model: str, payload: Payload) -> GrpcRequest:
    """A call of `ModelInfer` with the tensor in raw bytes."""
    element = struct.pack("<I", len(payload.content)) + payload.content
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=[1, 1])
    message = service_pb2.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[element])
    return GrpcRequest(message.SerializeToString())


TRANSPORTS: dict[str, Callable[[str, Payload], Request]] = {
    "HTTP JSON": over_http_json,
    "HTTP binary": over_http_binary,
    "generate": over_generate,
    "gRPC": over_grpc,
}
