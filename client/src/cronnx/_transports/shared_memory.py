"""Inputs through memory that the client shares with a server on the same host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory as Block
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

from cronnx._errors import ConnectionFailed, CronnxError, DeadlineExceeded, InvalidInput
from cronnx._transports.base import InferRequest, ServerRequest, SharedTensor, Tensor, Transport

A = TypeVar("A")

_SMALLEST_REGION = 1 << 16
_ALIGNMENT = 64
_UNREGISTER_TIMEOUT_S = 5.0


class SharedMemory:
    """Puts inputs into system shared memory, and sends everything else over another transport.

    A region holds the inputs of one request at a time and is then reused. After a lost connection, a passed deadline
    or a cancelled request the server may still read the region: it is removed from /dev/shm and never reused.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._free: list[Block] = []
        self._abandoned: list[str] = []
        self._blocks: set[Block] = set()
        weakref.finalize(self, _unlink, self._blocks)

    async def infer(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """See `Transport.infer`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout_s
        tensors = cast("Mapping[str, npt.NDArray[Any]]", request.inputs)  # only this class makes SharedTensors
        contents = {name: _content(tensor) for name, tensor in tensors.items()}
        block = await self._take(sum(map(_aligned, map(len, contents.values()))), timeout_s=request.timeout_s)
        shared = replace(request, inputs=_placed(block, tensors, contents), timeout_s=deadline - loop.time())
        try:
            outputs = await self._infer(shared, block)
        except (ConnectionFailed, DeadlineExceeded, asyncio.CancelledError):
            self._abandon(block)
            raise
        except CronnxError:
            self._free.append(block)
            raise
        self._free.append(block)
        return outputs

    async def send(self, request: ServerRequest[A]) -> A:
        """See `Transport.send`."""
        return await self._transport.send(request)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._unregister([*self._abandoned, *(block.name for block in self._free)])
        await self._transport.close()
        _unlink(self._blocks)

    async def _infer(self, request: InferRequest, block: Block) -> dict[str, npt.NDArray[Any]]:
        try:
            return await self._transport.infer(request)
        except CronnxError as error:
            if block.name not in (error.server_message or ""):
                raise
        await self._register(block, timeout_s=request.timeout_s)  # the server has restarted and forgotten the region
        return await self._transport.infer(request)

    async def _take(self, byte_size: int, *, timeout_s: float) -> Block:
        """Return the smallest free block that is large enough, or a new one."""
        fitting = [block for block in self._free if block.size >= byte_size]
        if fitting:
            smallest = min(fitting, key=lambda block: block.size)
            self._free.remove(smallest)
            return smallest
        block = new_block(max(_SMALLEST_REGION, 1 << (byte_size - 1).bit_length()))
        self._blocks.add(block)
        try:
            await self._register(block, timeout_s=timeout_s)
        except BaseException:
            self._abandon(block)
            raise
        await self._unregister(self._abandoned)
        return block

    async def _register(self, block: Block, *, timeout_s: float) -> None:
        try:
            await self._transport.send(
                ServerRequest(lambda api: api.register_system_shared_memory(block.name, block.size), timeout_s)
            )
        except CronnxError as error:
            if error.server_message is None or isinstance(error, DeadlineExceeded):
                raise
            raise InvalidInput(
                f"the server refuses shared memory: {error}; shared_memory needs a server on this host, with the same"
                " /dev/shm and without --allow-shared-memory=false",
                server_message=error.server_message,
            ) from error

    def _abandon(self, block: Block) -> None:
        self._abandoned.append(block.name)
        _unlink({block})
        self._blocks.discard(block)

    async def _unregister(self, names: Iterable[str]) -> None:
        for name in list(names):
            with contextlib.suppress(CronnxError):  # the region is still in use: the next call tries again
                await self._unregister_one(name)

    async def _unregister_one(self, name: str) -> None:
        await self._transport.send(
            ServerRequest(lambda api: api.unregister_system_shared_memory(name), _UNREGISTER_TIMEOUT_S)
        )
        if name in self._abandoned:
            self._abandoned.remove(name)


def _content(tensor: npt.NDArray[Any]) -> bytes:
    if tensor.dtype == object and tensor.size:
        return cast("bytes", serialize_byte_tensor(tensor).item())
    return tensor.tobytes() if tensor.size else b""


def _placed(block: Block, tensors: Mapping[str, npt.NDArray[Any]], contents: Mapping[str, bytes]) -> dict[str, Tensor]:
    placed: dict[str, Tensor] = dict(tensors)
    memory, offset = cast("memoryview", block.buf), 0
    for name, content in contents.items():
        if content:  # an empty tensor is sent with the request
            memory[offset : offset + len(content)] = content
            datatype = np_to_triton_dtype(tensors[name].dtype)
            placed[name] = SharedTensor(datatype, tensors[name].shape, block.name, offset, len(content))
            offset += _aligned(len(content))
    return placed


def _aligned(byte_size: int) -> int:
    return -byte_size % _ALIGNMENT + byte_size


def new_block(byte_size: int) -> Block:
    """Allocate shared memory.

    Raises:
        InvalidInput: /dev/shm has too little room.
    """
    try:
        block = Block(f"cronnx-{os.getpid()}-{secrets.token_hex(16)}", create=True, size=byte_size)
        try:
            with Path(f"/dev/shm/{block.name}").open("r+b") as file:  # noqa: S108 - where Linux keeps shared memory
                os.posix_fallocate(file.fileno(), 0, byte_size)  # without it, writing to a full /dev/shm is a SIGBUS
        except OSError:
            _unlink({block})
            raise
    except OSError as error:
        raise InvalidInput(
            f"cannot allocate {byte_size} bytes of shared memory: {error.strerror}; is /dev/shm full?"
        ) from error
    return block


def _unlink(blocks: set[Block]) -> None:
    for block in blocks:
        block.close()
        block.unlink()
    blocks.clear()
