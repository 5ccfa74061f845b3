"""What a user adds: an ONNX file with its external data, and the files beside it."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import onnx
from google.protobuf.message import DecodeError, EncodeError

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.side_files import Entries, parse_json, parse_yaml, read_text

ONNX_FOLDER = "onnx"  # in it, Optimum and Transformers.js put models, and their side files beside it
MAIN_FILES = ("model.onnx", "end2end.onnx", "inference.onnx")
MAX_ONNX_BYTES = 2**31 - 1
LFS_POINTER = b"version https://git-lfs"
TOO_LARGE = "expected up to 2 GB, the limit of ONNX, got more"


@dataclass(frozen=True)
class Source:
    """A model as its exporter wrote it.

    Attributes:
        path: The ONNX file.
        model: The content, with the weights of external data files.
        sha256: The SHA-256 of the content, hexadecimal; `served_by` has its first eight digits.
        folders: The folders of side files, the nearest first.
        not_taken: The names of other ONNX files in the folder that a user named.
    """

    path: Path
    model: onnx.ModelProto
    sha256: str
    folders: tuple[Path, ...]
    not_taken: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the ONNX file."""
        return self.path.name

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        """The metadata in the ONNX file."""
        return {entry.key: entry.value for entry in self.model.metadata_props}

    def has(self, name: str) -> bool:
        """Whether there is a side file of a name."""
        return self._side_file(name) is not None

    def text(self, name: str) -> str | None:
        """The text of a side file, or None without the file.

        Raises:
            ModelFileError: The file is no text, or too large.
        """
        path = self._side_file(name)
        return None if path is None else read_text(path)

    def json(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """The content of a JSON side file, or None without the file.

        Raises:
            ModelFileError: The file is not JSON.
        """
        text = self.text(name)
        return None if text is None else parse_json(text, name)

    def entries(self, name: str) -> Entries | None:
        """The entries of a JSON or YAML side file, or None without the file.

        Raises:
            ModelFileError: The file has no object.
        """
        text = self.text(name)
        if text is None:
            return None
        return Entries(parse_yaml(text, name) if name.endswith(".yml") else parse_json(text, name), name)

    def side_files(self, pattern: str) -> list[str]:
        """The names of side files that match a pattern."""
        return [path.name for folder in self.folders for path in sorted(folder.glob(pattern)) if path.is_file()]

    def _side_file(self, name: str) -> Path | None:
        if name != Path(name).name:  # a manifest that names a file of another folder
            return None
        return next((folder / name for folder in self.folders if (folder / name).is_file()), None)


def read_source(path: Path) -> Source:
    """Read an ONNX file, or the one of the folder that an exporter wrote.

    Args:
        path: The file or folder; files in it may be links, as in the cache of `huggingface_hub`.

    Raises:
        ModelFileError: There is no such file, several could be meant, or it cannot be read.
    """
    file, not_taken = _onnx_file(path) if path.is_dir() else (path, ())
    folders = (
        (file.parent, file.parent.absolute().parent) if file.absolute().parent.name == ONNX_FOLDER else (file.parent,)
    )
    model, sha256 = _read_model(file)
    return Source(file, model, sha256, folders, not_taken)


def _onnx_file(folder: Path) -> tuple[Path, tuple[str, ...]]:
    try:
        files = sorted(folder.glob("*.onnx")) or sorted((folder / ONNX_FOLDER).glob("*.onnx"))
    except OSError as error:
        raise ModelFileError(f"cannot read {folder}: {error.strerror}") from error
    if not files:
        raise ModelFileError(
            f"{folder}: expected an ONNX file in this folder, got none; pass the file, or export the model to ONNX"
        )
    file = files[0] if len(files) == 1 else _main_file(folder, files)
    return file, tuple(other.name for other in files if other != file)


def _main_file(folder: Path, files: list[Path]) -> Path:
    """The file of which all others are variants, as `model_quantized.onnx` is of `model.onnx`."""
    for file in files:
        is_main = file.name in (*MAIN_FILES, f"{folder.absolute().name}.onnx")
        if is_main and all(
            other.stem.startswith((file.stem + "_", file.stem + "-")) for other in files if other != file
        ):
            return file
    names = ", ".join(file.name for file in files)
    raise ModelFileError(f"{folder}: expected one ONNX file in this folder, got {names}; pass the file to add")


def _read_model(path: Path) -> tuple[onnx.ModelProto, str]:
    try:
        content = path.read_bytes()
        if content.startswith(LFS_POINTER):
            raise ModelFileError(f"{path.name}: expected an ONNX file, got a pointer of Git LFS; run git lfs pull")
        model = onnx.load_model_from_string(content)
        if _load_external_data(model, path.parent):
            content = model.SerializeToString()
    except DecodeError as error:
        raise ModelFileError(
            f"{path.name} is not an ONNX file, or is cut short; export models of other formats to ONNX"
        ) from error
    except OSError as error:
        raise ModelFileError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    except (EncodeError, ValueError) as error:
        raise ModelFileError(f"{path.name}: {TOO_LARGE}") from error
    _free_negative_dims(model.graph)
    if not model.graph.node:
        raise ModelFileError(f"{path.name} is not an ONNX file, or its graph is empty")
    return model, hashlib.sha256(content).hexdigest()


def _free_negative_dims(graph: onnx.GraphProto) -> None:
    """Give dimensions of -1, which some exporters write for a variable one, no value."""
    for value in (*graph.input, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value < 0:
                dim.Clear()


def _load_external_data(model: onnx.ModelProto, folder: Path) -> bool:
    """Put the weights of external data files into a model; onnx's own loader refuses links."""
    tensors = [tensor for tensor in _tensors(model) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    parts = [_ExternalPart.of(tensor, folder) for tensor in tensors]
    if sum(part.length for part in parts) > MAX_ONNX_BYTES:
        raise EncodeError(TOO_LARGE)
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.raw_data = part.read()
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    return bool(tensors)


@dataclass(frozen=True)
class _ExternalPart:
    """The part of an external data file that holds one tensor."""

    path: Path
    offset: int
    length: int

    @classmethod
    def of(cls, tensor: onnx.TensorProto, folder: Path) -> _ExternalPart:
        keys = {entry.key: entry.value for entry in tensor.external_data}
        location = keys.get("location", "")
        if not _is_inside(location):
            raise ModelFileError(f"{tensor.name}: expected external data beside the model, got the path {location!r}")
        path = folder / location
        if not path.exists():
            raise ModelFileError(
                f"expected the external data file {location} beside the model, got none; copy it into {folder}"
            )
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{location}: expected a file with external data, got something else")
        try:
            offset = int(keys.get("offset") or 0)
            length = int(keys.get("length") or status.st_size - offset)
        except ValueError as error:
            raise ModelFileError(f"{tensor.name}: expected numbers as offset and length, got {keys}") from error
        if offset < 0 or length < 0 or offset + length > status.st_size:
            raise ModelFileError(
                f"{location}: expected {offset + length} bytes or more, got {status.st_size}; the file is cut short"
            )
        return cls(path, offset, length)

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


def _is_inside(location: str) -> bool:
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    absolute = posix.is_absolute() or windows.is_absolute() or windows.drive
    return bool(location) and "\0" not in location and not absolute and ".." not in (*posix.parts, *windows.parts)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from attribute.tensors
        if attribute.HasField("t"):
            yield attribute.t
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _graph_tensors(graph)
