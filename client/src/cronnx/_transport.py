"""The seam between the client and a protocol: what travels, and who carries it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt


@dataclass(frozen=True)
class SharedTensor:
    """An input that lies in a shared memory region the server knows.

    Attributes:
        datatype: As the protocol names it.
        region: The region's name at the server.
        offset: Where in the region it starts, in bytes.
    """

    datatype: str
    shape: tuple[int, ...]
    region: str
    offset: int
    byte_size: int


Answer: TypeAlias = Any
"""True or false, or JSON: see `cronnx._models.Json`; None to a command."""

Tensor: TypeAlias = "npt.NDArray[Any] | SharedTensor"


@dataclass(frozen=True)
class InferRequest:
    """One inference request.

    Attributes:
        inputs: Tensors by name, batch first; BYTES have dtype object (numpy's bytes_ strips trailing zeros).
        outputs: Names of the outputs wanted; None for all.
        timeout_s: Seconds until the answer must be there, connecting included.
        model_version: Empty for the version the server chooses.
        request_id: Appears in the server's logs.
        headers: Sent with this request, besides those of every one.
    """

    model_name: str
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...] | None
    timeout_s: float
    model_version: str = ""
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """Any other call to a server.

    Attributes:
        method: As tritonclient names it, for both protocols.
        timeout_s: Seconds until the answer must be there, connecting included.
        arguments: The method's own.
    """

    method: str
    timeout_s: float
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_name(self) -> str | None:
        """The model it is about."""
        return self.arguments.get("model_name") or None

    @property
    def is_command(self) -> bool:
        """Whether it changes the server: it is meant for every one, and not to be repeated lightly."""
        return self.method in ("load_model", "unload_model")


class Transport(Protocol):
    """Carries requests to one server or several. For one event loop; raises nothing but `CronnxError`.

    A request whose task is cancelled is given up, at the server too where the protocol can say so.
    """

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """Answer with the requested outputs by name."""

    async def ask(self, question: Question) -> Answer:
        """Answer any other call."""

    async def close(self) -> None:
        """Drop the connections; requests under way fail."""
