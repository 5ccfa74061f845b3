"""What a client sends, and the `Transport` that carries it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy.typing as npt

A = TypeVar("A")

CONNECT_TIMEOUT_S = 5
"""The longest wait for one connection, in seconds."""

Json: TypeAlias = Mapping[str, Any]
"""A JSON answer of Triton. Over gRPC, fields that are 0 or empty are missing and 64-bit integers are strings."""


@dataclass(frozen=True)
class SharedTensor:
    """An input in a shared memory region that is registered with the server.

    Attributes:
        datatype: The datatype on the wire, such as `FP32`.
        shape: The tensor's dimensions, batch first.
        region: The region's name at the server.
        offset: Where the tensor starts in the region, in bytes.
        byte_size: The tensor's size, in bytes.
    """

    datatype: str
    shape: tuple[int, ...]
    region: str
    offset: int
    byte_size: int


Tensor: TypeAlias = "npt.NDArray[Any] | SharedTensor"


@dataclass(frozen=True)
class InferRequest:
    """One inference request.

    Attributes:
        model_name: The model to run.
        inputs: Tensors by name, batch first. BYTES have dtype object, because numpy's `bytes_` strips trailing zeros.
        outputs: Names of the outputs to return; None for all.
        timeout_s: The longest wait for the answer, connecting included, in seconds.
        model_version: The version to run; empty for the server's choice.
        request_id: The id that appears in the server's logs.
        headers: Headers of this request, in addition to those of every request.
    """

    model_name: str
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...] | None
    timeout_s: float
    model_version: str = ""
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    headers: Mapping[str, str] = field(default_factory=dict)


class ServerApi(Protocol):
    """Everything but inference that one server answers.

    Its methods raise tritonclient's exceptions and those of the libraries below it; `Transport.send` translates them.
    """

    async def is_server_live(self) -> bool:
        """Return whether the server process answers."""

    async def is_server_ready(self) -> bool:
        """Return whether the server and all its models can infer."""

    async def is_model_ready(self, model_name: str, model_version: str = "") -> bool:
        """Return whether a model can infer."""

    async def model_metadata(self, model_name: str, model_version: str = "") -> Json:
        """Return a model's inputs, outputs, platform and versions."""

    async def model_config(self, model_name: str, model_version: str = "") -> Json:
        """Return the configuration that a loaded model runs with."""

    async def model_statistics(self, model_name: str = "") -> Json:
        """Return the statistics of a model, or of all models, in `model_stats`; times are in nanoseconds."""

    async def repository_index(self) -> list[Json]:
        """Return every version of every model in the repository with its state."""

    async def load_model(self, model_name: str, config: str | None = None) -> None:
        """Load a model, with a JSON configuration in place of its file's if one is given."""

    async def unload_model(self, model_name: str) -> None:
        """Unload a model."""

    async def system_shared_memory_regions(self) -> list[str]:
        """Return the names of the regions that the server has mapped."""

    async def register_system_shared_memory(self, region: str, byte_size: int) -> None:
        """Let the server read `byte_size` bytes of `/dev/shm/<region>`."""

    async def unregister_system_shared_memory(self, region: str) -> None:
        """Let the server forget a region."""


@dataclass(frozen=True)
class ServerRequest(Generic[A]):
    """A request other than an inference.

    Attributes:
        call: Calls the method of the API that answers the request.
        timeout_s: The longest wait for the answer, connecting included, in seconds.
        model_name: The model that the request is about; empty for none.
    """

    call: Callable[[ServerApi], Awaitable[A]]
    timeout_s: float
    model_name: str = ""


class Transport(Protocol):
    """Carries requests to one server or several.

    A transport belongs to one event loop and raises no errors but `CronnxError`. Cancelling a request's task abandons
    the request, and over gRPC cancels it at the server.
    """

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """Return the requested outputs by name, batch first. BYTES have dtype object.

        Raises:
            CronnxError: There is no answer; the class says why.
        """

    async def send(self, request: ServerRequest[A]) -> A:
        """Return the answer to any other request.

        Raises:
            CronnxError: As `infer`.
        """

    async def close(self) -> None:
        """Close the connections. Running requests fail."""
