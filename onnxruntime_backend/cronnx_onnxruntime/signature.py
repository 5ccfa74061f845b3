"""What a graph takes and gives, and whether a model configuration says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

from cronnx_onnxruntime.datatypes import data_type
from cronnx_onnxruntime.errors import ConfigError

Config = Mapping[str, Any]


class NodeArg(Protocol):
    """ONNX Runtime's description of an input or output."""

    name: str
    type: str
    shape: Sequence[int | str | None]


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` a signature is read from."""

    def get_inputs(self) -> Sequence[NodeArg]:
        """What has to be given."""

    def get_outputs(self) -> Sequence[NodeArg]:
        """What comes out."""

    def get_overridable_initializers(self) -> Sequence[NodeArg]:
        """What may be given in place of a constant."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of the graph; a dimension that varies is -1."""

    name: str
    data_type: str
    shape: tuple[int, ...]
    optional: bool = False

    @classmethod
    def of(cls, node: NodeArg, *, optional: bool = False) -> Tensor:
        """The tensor that ONNX Runtime describes so."""
        shape = tuple(dim if isinstance(dim, int) and dim >= 0 else -1 for dim in node.shape)
        return cls(node.name, data_type(node.type, tensor=node.name), shape, optional)

    @property
    def batchable(self) -> bool:
        """Whether the first dimension can be a batch's."""
        return self.shape[:1] == (-1,)


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a graph; an initializer a request may replace is an optional input."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, session: Session) -> Signature:
        """The signature of a loaded graph.

        Raises:
            ConfigError: one of its tensors is of a type Triton cannot carry.
        """
        optional = (Tensor.of(node, optional=True) for node in session.get_overridable_initializers())
        return cls(
            inputs=(*map(Tensor.of, session.get_inputs()), *optional),
            outputs=tuple(map(Tensor.of, session.get_outputs())),
        )

    @property
    def batchable(self) -> bool:
        """Whether requests can be concatenated along the first dimension of every tensor."""
        return all(tensor.batchable for tensor in (*self.inputs, *self.outputs) if not tensor.optional)

    def check(self, config: Config) -> None:
        """Compare a complete model configuration with the graph.

        Raises:
            ConfigError: a name, a type, a shape or the batching differs.
        """
        computed = [
            {"name": name, "data_type": entry["data_type"]}
            for entry in config.get("batch_input", [])
            for name in entry["target_name"]
        ]
        self._check_all_given({entry["name"] for entry in (*config["input"], *computed)})
        for entry in computed:
            _check_type("batch_input", entry, _known("batch_input", entry, self.inputs))
        for entry in config["input"]:
            _check("input", entry, _known("input", entry, self.inputs), config["max_batch_size"])
        cut = {name for entry in config.get("batch_output", []) for name in entry["target_name"]}
        for entry in config["output"]:
            tensor = _known("output", entry, self.outputs)
            if entry["name"] in cut:  # its dims are those of the pieces, not of the graph
                _check_type("output", entry, tensor)
            else:
                _check("output", entry, tensor, config["max_batch_size"])

    def _check_all_given(self, names: Set[str]) -> None:
        for tensor in self.inputs:
            if tensor.name not in names and not tensor.optional:
                raise ConfigError(f"the graph's input '{tensor.name}' is not in the configuration")


def _known(kind: str, entry: Config, tensors: Sequence[Tensor]) -> Tensor:
    known = {tensor.name: tensor for tensor in tensors}
    if entry["name"] not in known:
        sort = kind.removeprefix("batch_")
        raise ConfigError(f"{kind} '{entry['name']}' is not in the graph; its {sort}s are {', '.join(known)}")
    return known[entry["name"]]


def _check(kind: str, entry: Config, tensor: Tensor, max_batch_size: int) -> None:
    _check_type(kind, entry, tensor)
    _check_batching(kind, tensor, max_batch_size=max_batch_size)
    if entry.get("allow_ragged_batch"):
        _check_ragged(tensor)
    else:
        _check_dims(kind, entry, tensor, batching=max_batch_size > 0)


def _check_ragged(tensor: Tensor) -> None:
    if tensor.shape != (-1,):
        raise ConfigError(
            f"input '{tensor.name}' has allow_ragged_batch, but dims {list(tensor.shape)} in the graph; expected [-1]"
        )


def _check_type(kind: str, entry: Config, tensor: Tensor) -> None:
    if entry["data_type"] != tensor.data_type:
        raise ConfigError(
            f"{kind} '{tensor.name}' is {entry['data_type']} in the configuration, {tensor.data_type} in the graph"
        )
    if entry.get("optional", False) != tensor.optional:
        given, expected = ("a", "be") if tensor.optional else ("no", "not be")
        raise ConfigError(f"{kind} '{tensor.name}' must {expected} optional: the graph has {given} default for it")


def _check_batching(kind: str, tensor: Tensor, *, max_batch_size: int) -> None:
    if max_batch_size > 0 and not tensor.batchable:
        raise ConfigError(
            f"max_batch_size is {max_batch_size}, but the first dimension of {kind} '{tensor.name}' does not vary"
        )
    if max_batch_size > 0 and tensor.optional:
        raise ConfigError(f"max_batch_size is {max_batch_size}, but {kind} '{tensor.name}' is optional")


def _check_dims(kind: str, entry: Config, tensor: Tensor, *, batching: bool) -> None:
    """An input's dims may be wider or narrower than the graph's where either is -1; an output's are the graph's."""
    dims = model_dims(entry)
    expected = tensor.shape[1:] if batching else tensor.shape or (1,) * len(dims)  # a scalar has any number of ones
    wildcards = kind == "input" and tensor.shape
    fits = len(dims) == len(expected) and all(
        dim == graph_dim or (wildcards and -1 in (dim, graph_dim))
        for dim, graph_dim in zip(dims, expected, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"{kind} '{tensor.name}' has dims {list(dims)} in the configuration, {list(expected)} in the graph"
        )


def model_dims(entry: Config) -> tuple[int, ...]:
    """The dims of an input or output as the graph sees them: after `reshape`, where there is one."""
    return tuple(int(dim) for dim in entry.get("reshape", {}).get("shape", entry["dims"]))
