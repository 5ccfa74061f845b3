"""PyTorch's legacy `.pth` files, read without PyTorch.

The format (`torch.serialization._legacy_save`): five pickles (magic number, protocol version, system facts, the
object, the storages' keys), then every storage as a little-endian int64 count and its raw elements. The object's
pickle names a storage by a persistent id; tensors are views of storages.
"""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

# What unpickling a malformed file raises; pickle leaves open which errors it may be.
MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)


class UnreadableWeightsError(Exception):
    """A weights file that is not a legacy PyTorch state dictionary of known types."""


def read_state_dict(path: Path) -> dict[str, Array]:
    """The state dictionary in `path`: parameter names to arrays, shapes and dtypes as saved.

    Raises:
        UnreadableWeightsError: the file is not such a file, is cut short, or names anything but tensors.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except MALFORMED as error:
            raise UnreadableWeightsError(f"{path.name}: not a legacy PyTorch state dictionary: {error}") from error


def _read(file: IO[bytes]) -> dict[str, Array]:
    storages: dict[str, Array] = {}
    magic, _protocol_version, _system = (_TensorUnpickler(file, storages).load() for _ in range(3))
    if magic != MAGIC_NUMBER:
        raise ValueError(f"magic number {magic!r}, expected {MAGIC_NUMBER:#x}")
    state_dict = _TensorUnpickler(file, storages).load()
    for key in _TensorUnpickler(file, storages).load():
        _fill(storages[key], file)
    for name, tensor in state_dict.items():
        if not isinstance(tensor, np.ndarray):
            raise TypeError(f"{name} is {type(tensor).__name__}, expected a tensor")
    return dict(state_dict)


def _fill(storage: Array, file: IO[bytes]) -> None:
    (count,) = np.fromfile(file, dtype="<i8", count=1)
    if count != storage.size:
        raise ValueError(f"a storage of {count} elements, expected {storage.size}")
    elements = np.fromfile(file, dtype=storage.dtype, count=storage.size)
    if elements.size != storage.size:
        raise EOFError(f"the file ends after {elements.size} of a storage's {storage.size} elements")
    storage[:] = elements


def _rebuild_tensor(storage: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> Array:
    steps = tuple(stride * storage.itemsize for stride in strides)
    tensor: Array = np.ndarray(shape, storage.dtype, storage, offset * storage.itemsize, steps)
    return tensor


GLOBALS = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): dtype for name, dtype in STORAGE_DTYPES.items()},
}


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that can build tensors and nothing else: a weights file must not run code."""

    def __init__(self, file: IO[bytes], storages: dict[str, Array]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in GLOBALS:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only tensors are read")
        return GLOBALS[module, name]

    def persistent_load(self, persistent_id: tuple[Any, ...]) -> Array:
        _kind, dtype, key, _location, count = persistent_id[:5]
        return self._storages.setdefault(key, np.zeros(count, dtype))
