"""A transport to a server on this host that reads shared memory."""

from __future__ import annotations

import asyncio
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx import (
    ConnectionFailed,
    CronnxError,
    ModelNotFound,
    ServerFault,
)
from cronnx._transports.base import InferRequest, SharedTensor
from cronnx._transports.regions import FOLDER
from tests.unit.cronnx.answers import classify
from tests.unit.cronnx.fake_transport import FakeTransport

Tensors = dict[str, npt.NDArray[Any]]


class MemoryServer(FakeTransport):
    """Reads the inputs from the regions that were registered."""

    def __init__(self) -> None:
        super().__init__()
        self.regions: dict[str, mmap.mmap] = {}
        self.read: list[dict[str, bytes]] = []
        self.still_reads = False
        self.abort: BaseException | None = None
        self.refusal: CronnxError | None = None
        self.lost_answer: CronnxError | None = None
        self.is_gone = False
        self.unregistered: list[str] = []
        self.under_way: list[asyncio.Event] = []
        self.is_slow = False

    async def infer(self, request: InferRequest) -> Tensors:
        self.read.append({name: self._content(tensor) for name, tensor in request.inputs.items()})
        if self.is_slow:
            self.under_way.append(asyncio.Event())
            await self.under_way[-1].wait()
        if self.abort:
            raise self.abort
        return classify([b"cat"])

    async def register_system_shared_memory(self, region: str, byte_size: int) -> None:
        if self.refusal:
            raise self.refusal
        assert region not in self.regions
        with (FOLDER / region).open("r+b") as file:
            self.regions[region] = mmap.mmap(file.fileno(), byte_size)
        if self.lost_answer:
            raise self.lost_answer

    async def system_shared_memory_regions(self) -> list[str]:
        return list(self.regions)

    async def unregister_system_shared_memory(self, region: str) -> None:
        self.unregistered.append(region)
        if self.is_gone:
            gone = ConnectionFailed("refused")
            gone.request_sent = False
            raise gone
        if self.still_reads:
            raise ServerFault("in use", server_message=f"Cannot unregister '{region}', it is in use.")
        self.regions.pop(region, None)

    def _content(self, tensor: object) -> bytes:
        if not isinstance(tensor, SharedTensor):
            assert isinstance(tensor, np.ndarray)
            return tensor.tobytes()
        if tensor.region not in self.regions:
            message = f"Unable to find shared memory region: '{tensor.region}'"
            raise ModelNotFound(message, server_message=message)
        return self.regions[tensor.region][tensor.offset : tensor.offset + tensor.byte_size]


def names() -> set[str]:
    return {path.name for path in FOLDER.glob("cronnx-*")}
