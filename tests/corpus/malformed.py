"""A malformed request and its expected answer."""

from __future__ import annotations

from dataclasses import dataclass

from cronnx_lab.fuzz.requests import Request

MODEL = "efficientnet_lite0"


@dataclass(frozen=True)
class Malformed:
    """A malformed request and its expected answer.

    Attributes:
        kind: What is wrong, in unique words.
        request: The request to send.
        status: The HTTP status of the answer; gRPC statuses are mapped to HTTP's.
        message: A part of the error message; an empty string if the request is answered.
    """

    kind: str
    request: Request
    status: int = 400
    message: str = ""
