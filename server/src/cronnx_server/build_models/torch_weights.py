"""Read PyTorch's legacy `.pth` files without PyTorch.

The format (`torch.serialization._legacy_save`) is five pickles (magic number, protocol version, system facts, the
object, the keys of the storages), then every storage as a little-endian int64 count and its raw elements. The object's
pickle refers to a storage by a persistent id; tensors are views of storages.
"""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

# The errors of unpickling a malformed file; pickle does not limit them.
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


class WeightsFileError(ValueError):
    """A file is not a legacy PyTorch state dictionary of known types."""


def read_state_dict(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the state dictionary in `path`: arrays by the names of their parameters, shapes and dtypes as saved.

    Raises:
        WeightsFileError: The file is not a legacy state dictionary, is cut short, or holds anything but tensors.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except MALFORMED as error:
            raise WeightsFileError(f"{path.name}: expected a legacy PyTorch state dictionary: {error}") from error


def _read(file: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    storages: dict[str, npt.NDArray[Any]] = {}
    magic, _protocol_version, _system = (_TensorUnpickler(file, storages).load() for _ in range(3))
    if magic != MAGIC_NUMBER:
        raise ValueError(f"expected magic number {MAGIC_NUMBER:#x}, got {magic!r}")
    state_dict = _TensorUnpickler(file, storages).load()
    for key in _TensorUnpickler(file, storages).load():
        _fill(storages[key], file)
    for name, tensor in state_dict.items():
        if not isinstance(tensor, np.ndarray):
            raise TypeError(f"expected a tensor as {name}, got {type(tensor).__name__}")
    return dict(state_dict)


def _fill(storage: npt.NDArray[Any], file: IO[bytes]) -> None:
    (count,) = np.fromfile(file, dtype="<i8", count=1)
    if count != storage.size:
        raise ValueError(f"expected a storage of {storage.size} elements, got {count}")
    elements = np.fromfile(file, dtype=storage.dtype, count=storage.size)
    if elements.size != storage.size:
        raise EOFError(f"the file ends after {elements.size} of {storage.size} elements of a storage")
    storage[:] = elements


def _rebuild_tensor(
    storage: npt.NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> npt.NDArray[Any]:
    byte_strides = tuple(stride * storage.itemsize for stride in strides)
    tensor: npt.NDArray[Any] = np.ndarray(shape, storage.dtype, storage, offset * storage.itemsize, byte_strides)
    return tensor


GLOBALS = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): dtype for name, dtype in STORAGE_DTYPES.items()},
}


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that builds tensors and nothing else, so that a weights file cannot run code."""

    def __init__(self, file: IO[bytes], storages: dict[str, npt.NDArray[Any]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in GLOBALS:
            raise pickle.UnpicklingError(f"expected tensors only, got {module}.{name}")
        return GLOBALS[module, name]

    def persistent_load(self, persistent_id: tuple[Any, ...]) -> npt.NDArray[Any]:
        _tag, dtype, key, _location, count = persistent_id[:5]
        return self._storages.setdefault(key, np.zeros(count, dtype))
