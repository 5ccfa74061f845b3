"""The seam between the client and a protocol: what travels, and who carries it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import numpy.typing as npt

from cronnx._errors import InvalidInput


@dataclass(frozen=True)
class InferRequest:
    """One inference request.

    Attributes:
        inputs: Tensors by name, batch first; BYTES have dtype object (numpy's bytes_ strips trailing zeros).
        outputs: Names of the outputs wanted.
        timeout_s: Seconds until the answer must be there, connecting included.
        model_version: Empty for the version the server chooses.
        request_id: Appears in the server's logs.
    """

    model_name: str
    inputs: Mapping[str, npt.NDArray[Any]]
    outputs: tuple[str, ...]
    timeout_s: float
    model_version: str = ""
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Transport(Protocol):
    """Carries requests to one server. Thread-safe; raises nothing but `CronnxError`."""

    def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """Answer with the requested outputs by name."""

    def is_server_live(self, *, timeout_s: float) -> bool:
        """Tell whether the server process answers."""

    def is_server_ready(self, *, timeout_s: float) -> bool:
        """Tell whether the server and all its models can infer."""

    def is_model_ready(self, model_name: str, *, timeout_s: float) -> bool:
        """Tell whether the model can infer."""

    def max_batch_size(self, model_name: str, *, timeout_s: float) -> int:
        """The model's largest batch; 0 for a model that does not batch."""

    def close(self) -> None:
        """Drop the connections; requests under way fail."""


def connect(url: str) -> Transport:
    """Make the transport for a URL; the connection is made by the first request.

    Raises:
        InvalidInput: The URL is neither `grpc://HOST:PORT` nor `http://HOST:PORT`.
    """
    parts = _split(url)
    # Imported here: each protocol's libraries take a while, and only one is wanted.
    if parts.scheme == "grpc":
        from cronnx._grpc import GrpcTransport

        return GrpcTransport(parts.netloc)
    from cronnx._http import HttpTransport

    return HttpTransport(parts.netloc)


def _split(url: str) -> SplitResult:
    refusal = InvalidInput(f"server URL {url!r}: expected grpc://HOST:PORT or http://HOST:PORT")
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname and parts.port)
    except ValueError as error:  # a port that is no number, brackets that do not close
        raise refusal from error
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("grpc", "http") or not complete or not bare:
        raise refusal
    return parts
