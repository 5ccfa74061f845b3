"""The inputs and outputs of a graph, and the check of a model configuration against them."""

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
    """The part of `onnxruntime.InferenceSession` that a signature is read from."""

    def get_inputs(self) -> Sequence[NodeArg]:
        """The inputs that every request needs."""

    def get_outputs(self) -> Sequence[NodeArg]:
        """The outputs."""

    def get_overridable_initializers(self) -> Sequence[NodeArg]:
        """The constants that a request may replace."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of the graph; a dimension that varies is -1."""

    name: str
    data_type: str
    shape: tuple[int, ...]
    optional: bool = False

    @classmethod
    def of(cls, node: NodeArg, *, optional: bool = False) -> Tensor:
        """Read the description of a tensor by ONNX Runtime."""
        shape = tuple(dim if isinstance(dim, int) and dim >= 0 else -1 for dim in node.shape)
        return cls(node.name, data_type(node.type, tensor=node.name), shape, optional)

    @property
    def batchable(self) -> bool:
        """Whether the first dimension varies, so that it can be the batch."""
        return self.shape[:1] == (-1,)


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a graph. A constant that a request may replace is an optional input."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, session: Session) -> Signature:
        """Read the signature of a loaded graph.

        Raises:
            ConfigError: Triton does not support the type of a tensor.
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
            ConfigError: A name, a type, a shape or the batching differs.
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
            if entry["name"] in cut:  # its dims describe the pieces, not the graph's output
                _check_type("output", entry, tensor)
            else:
                _check("output", entry, tensor, config["max_batch_size"])

    def _check_all_given(self, names: Set[str]) -> None:
        for tensor in self.inputs:
            if tensor.name not in names and not tensor.optional:
                raise ConfigError(f"input: expected an entry for '{tensor.name}', which the graph needs, got none")


def _known(role: str, entry: Config, tensors: Sequence[Tensor]) -> Tensor:
    known = {tensor.name: tensor for tensor in tensors}
    if entry["name"] not in known:
        raise ConfigError(
            f"{role}: expected one of the graph's {role.removeprefix('batch_')}s ({', '.join(known)}), "
            f"got '{entry['name']}'"
        )
    return known[entry["name"]]


def _check(role: str, entry: Config, tensor: Tensor, max_batch_size: int) -> None:
    _check_type(role, entry, tensor)
    _check_batching(role, tensor, max_batch_size=max_batch_size)
    if entry.get("allow_ragged_batch"):
        _check_ragged(tensor)
    else:
        _check_dims(role, entry, tensor, batching=max_batch_size > 0)


def _check_ragged(tensor: Tensor) -> None:
    if tensor.shape != (-1,):
        raise ConfigError(
            f"input '{tensor.name}': expected dims [-1] in the graph for allow_ragged_batch, got {list(tensor.shape)}"
        )


def _check_type(role: str, entry: Config, tensor: Tensor) -> None:
    if entry["data_type"] != tensor.data_type:
        raise ConfigError(
            f"{role} '{tensor.name}': expected {tensor.data_type} as in the graph, got {entry['data_type']}"
        )
    if entry.get("optional", False) != tensor.optional:
        expected, default = ("optional: true", "a") if tensor.optional else ("no optional: true", "no")
        raise ConfigError(
            f"{role} '{tensor.name}': expected {expected}, because the graph has {default} default for it"
        )


def _check_batching(role: str, tensor: Tensor, *, max_batch_size: int) -> None:
    if max_batch_size > 0 and not tensor.batchable:
        raise ConfigError(
            f"max_batch_size: expected 0, because the first dimension of {role} '{tensor.name}' is fixed, "
            f"got {max_batch_size}"
        )
    if max_batch_size > 0 and tensor.optional:
        raise ConfigError(
            f"max_batch_size: expected 0, because {role} '{tensor.name}' is optional, got {max_batch_size}"
        )


def _check_dims(role: str, entry: Config, tensor: Tensor, *, batching: bool) -> None:
    """Check the dims of a tensor. For an input, -1 on either side matches any size; outputs have the graph's dims."""
    dims = model_dims(entry)
    expected = tensor.shape[1:] if batching else tensor.shape or (1,) * len(dims)  # a scalar has any number of ones
    wildcards = role == "input" and tensor.shape
    fits = len(dims) == len(expected) and all(
        dim == graph_dim or (wildcards and -1 in (dim, graph_dim))
        for dim, graph_dim in zip(dims, expected, strict=True)
    )
    if not fits:
        raise ConfigError(f"{role} '{tensor.name}': expected dims {list(expected)} as in the graph, got {list(dims)}")


def model_dims(entry: Config) -> tuple[int, ...]:
    """The dims of an input or output in the graph: those of `reshape` if the entry has it."""
    return tuple(int(dim) for dim in entry.get("reshape", {}).get("shape", entry["dims"]))
