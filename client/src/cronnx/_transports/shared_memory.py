# ruff: noqa: E402 - type checkers skip what follows the assertion on other systems
"""Inputs through memory that the client shares with a server on the same host."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

assert sys.platform == "linux"  # noqa: S101 - for the type checker; `connect` refuses shared memory elsewhere

from cronnx._errors import ConnectionFailed, CronnxError, DeadlineExceeded, InvalidInput, ModelNotFound
from cronnx._retry import never_arrived
from cronnx._transports.base import InferRequest, ServerRequest, SharedTensor, Tensor, Transport
from cronnx._transports.regions import Owner, Region, is_abandoned, remove_abandoned_files

A = TypeVar("A")

_SMALLEST_REGION = 1 << 16
_ALIGNMENT = 64
_UNREGISTER_TIMEOUT_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 1.0


class SharedMemory:
    """Puts inputs into system shared memory, and sends everything else over another transport.

    A region holds the inputs of one request at a time and is then reused. The server maps it when it is registered, and
    then its file is removed: a killed client leaves none. After a lost connection, a passed deadline or a cancelled
    request the server may still read the region: it is never reused, and unregistered as soon as the server allows.

    The first request of a client also unregisters the regions of clients of this host that ended without doing so.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._owner: Owner | None = None
        self._free: list[Region] = []
        self._unused: set[str] = set()  # regions to unregister
        self._cleaning: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[dict[str, npt.NDArray[Any]]]] = set()
        self._is_closed = False

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        task = asyncio.ensure_future(self._infer(request))
        self._requests.add(task)
        try:
            return await task
        except asyncio.CancelledError as error:
            if not self._is_closed:
                raise
            raise ConnectionFailed(
                "the client was closed before the answer came",
                model_name=request.model_name,
                request_id=request.request_id,
            ) from error
        finally:
            self._requests.discard(task)

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        return await self._transport.send(request)

    async def close(self) -> None:
        """See `Transport.close`. It waits up to 5 s for the server to let go of the regions."""
        self._is_closed = True
        running = {*self._requests, *([self._cleaning] if self._cleaning else [])}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._unused.update(region.name for region in self._free)
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._unregister_unused(), _UNREGISTER_TIMEOUT_S)
        if self._owner:
            self._owner.close()
        await self._transport.close()

    async def _infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout_s
        inputs = _Inputs(cast("Mapping[str, npt.NDArray[Any]]", request.inputs))  # only this class makes SharedTensors
        region = self._free_region(inputs.byte_size)
        if region:
            try:
                return await self._infer_in(region, inputs, request)
            except CronnxError as error:
                if region.name not in (error.server_message or ""):
                    raise
        # There is no free region, or the server has restarted and forgotten it.
        region = await self._new_region(inputs.byte_size, timeout_s=deadline - loop.time())
        return await self._infer_in(region, inputs, replace(request, timeout_s=deadline - loop.time()))

    async def _infer_in(self, region: Region, inputs: _Inputs, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        try:
            outputs = await self._transport.infer(replace(request, inputs=inputs.placed(region)))
        except (ConnectionFailed, DeadlineExceeded, asyncio.CancelledError):
            self._unregister([region.name])
            raise
        except CronnxError as error:
            if region.name in (error.server_message or ""):
                self._unregister([region.name])
            else:
                self._free.append(region)
            raise
        self._free.append(region)
        return outputs

    def _free_region(self, byte_size: int) -> Region | None:
        """Take the smallest free region that is large enough."""
        fitting = [region for region in self._free if len(region.memory) >= byte_size]
        if not fitting:
            return None
        smallest = min(fitting, key=lambda region: len(region.memory))
        self._free.remove(smallest)
        return smallest

    async def _new_region(self, byte_size: int, *, timeout_s: float) -> Region:
        if self._owner is None:
            self._owner = Owner()
            remove_abandoned_files()
            self._unregister(await self._abandoned_regions(timeout_s))
        region = self._owner.new_region(max(_SMALLEST_REGION, 1 << (byte_size - 1).bit_length()))
        try:
            await self._register(region, timeout_s=timeout_s)
        except InvalidInput:  # the server has refused the region, so it has none to let go of
            raise
        except BaseException:
            self._unregister([region.name])
            raise
        finally:
            region.remove_file()
        return region

    async def _register(self, region: Region, *, timeout_s: float) -> None:
        try:
            await self._transport.send(
                ServerRequest(lambda api: api.register_system_shared_memory(region.name, len(region.memory)), timeout_s)
            )
        except CronnxError as error:
            if error.server_message is None or isinstance(error, DeadlineExceeded):
                raise
            raise InvalidInput(
                f"the server refuses shared memory: {error}; shared_memory needs a server on this host, with the same"
                " /dev/shm, and from Triton 26.04 on with --allow-client-shm=true",
                server_message=error.server_message,
            ) from error

    async def _abandoned_regions(self, timeout_s: float) -> set[str]:
        request = ServerRequest(lambda api: api.system_shared_memory_regions(), timeout_s)
        try:
            return {region for region in await self._transport.send(request) if is_abandoned(region)}
        except CronnxError:  # the request itself will say why
            return set()

    def _unregister(self, names: Iterable[str]) -> None:
        """Unregister regions in the background; `close` completes what is left."""
        self._unused.update(names)
        if self._unused and not self._is_closed and (self._cleaning is None or self._cleaning.done()):
            self._cleaning = asyncio.create_task(self._unregister_unused())

    async def _unregister_unused(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while self._unused:
            for name in list(self._unused):
                await self._unregister_one(name)
            if self._unused:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _unregister_one(self, name: str) -> None:
        request = ServerRequest(lambda api: api.unregister_system_shared_memory(name), _UNREGISTER_TIMEOUT_S)
        try:
            await self._transport.send(request)
        except CronnxError as error:  # tried again if the server still reads the region, or did not answer
            if not (isinstance(error, InvalidInput | ModelNotFound) or never_arrived(error)):
                return
        self._unused.discard(name)


class _Inputs:
    """The inputs of one request as bytes.

    Attributes:
        byte_size: The memory that they need.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self._tensors = tensors
        self._contents = {name: _content(tensor) for name, tensor in tensors.items()}
        self.byte_size = sum(map(_aligned, map(len, self._contents.values())))

    def placed(self, region: Region) -> dict[str, Tensor]:
        """Write them into a region, and return where each is."""
        placed: dict[str, Tensor] = dict(self._tensors)
        offset = 0
        for name, content in self._contents.items():
            if content:  # an empty tensor is sent with the request
                tensor = self._tensors[name]
                region.memory[offset : offset + len(content)] = content
                datatype = np_to_triton_dtype(tensor.dtype)
                placed[name] = SharedTensor(datatype, tensor.shape, region.name, offset, len(content))
                offset += _aligned(len(content))
        return placed


def _content(tensor: npt.NDArray[Any]) -> bytes:
    if tensor.dtype == object and tensor.size:
        return cast("bytes", serialize_byte_tensor(tensor).item())
    return tensor.tobytes() if tensor.size else b""


def _aligned(byte_size: int) -> int:
    return -byte_size % _ALIGNMENT + byte_size
