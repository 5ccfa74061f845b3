"""Write PyTorch's legacy `.pth` format opcode by opcode, for the tests of `torch_weights`."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STORAGE_TYPES = {"float32": "FloatStorage", "int64": "LongStorage"}
MAGIC_NUMBER = 119547037146038801333356
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}

Storages = Mapping[str, npt.NDArray[np.float32] | npt.NDArray[np.int64]]


@dataclass(frozen=True)
class View:
    """A tensor: part of a storage; offset and strides count elements."""

    storage: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0


def legacy_pth(state_dict: Mapping[str, View], storages: Storages) -> bytes:
    """The file that PyTorch would save."""
    parts = {name: tensor(view, storages) for name, view in state_dict.items()}
    return file_of(ordered_dict(parts), storages)


def file_of(state: bytes, storages: Storages) -> bytes:
    """A file whose object is what the opcodes in `state` make."""
    heads = [pickle.dumps(head, 2) for head in (MAGIC_NUMBER, 1001, SYSTEM)]
    bodies = [struct.pack("<q", storage.size) + storage.tobytes() for storage in storages.values()]
    return b"".join([*heads, program(state), pickle.dumps(list(storages), 2), *bodies])


def program(opcodes: bytes) -> bytes:
    return b"\x80\x02" + opcodes + b"."


def tensor(view: View, storages: Storages, *, count: int | None = None) -> bytes:
    storage = storages[view.storage]
    persistent_id = tuple_of(
        text("storage"),
        name_of("torch", STORAGE_TYPES[storage.dtype.name]),
        text(view.storage),
        text("cpu"),
        integer(storage.size if count is None else count),
        b"N",
    )
    return name_of("torch._utils", "_rebuild_tensor_v2") + call(
        persistent_id + b"Q",
        integer(view.offset),
        tuple_of(*map(integer, view.shape)),
        tuple_of(*map(integer, view.strides)),
        b"\x89",
        ordered_dict({}),
    )


def ordered_dict(items: Mapping[str, bytes]) -> bytes:
    pairs = b"".join(text(name) + value for name, value in items.items())
    return name_of("collections", "OrderedDict") + call() + b"(" + pairs + b"u"


def call(*arguments: bytes) -> bytes:
    return tuple_of(*arguments) + b"R"


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name_of(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)
