"""Ragged batches: inputs of different lengths end to end, inputs computed from their shapes, and outputs cut by them.

Source: "Ragged Batching" in Triton's user guide, `BatchInput` and `BatchOutput` in its model_config.proto, and
`BackendInputCollector` and `BackendOutputResponder` in triton-inference-server/backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod

import numpy as np
import numpy.typing as npt

from cronnx_onnxruntime.batches import Array
from cronnx_onnxruntime.errors import ConfigError, InferenceError
from cronnx_onnxruntime.signature import Config

Shape = Sequence[int]

DTYPES: Mapping[str, npt.DTypeLike] = {"TYPE_INT32": np.int32, "TYPE_FP32": np.float32}
SCATTER = "BATCH_SCATTER_WITH_INPUT_SHAPE"


def _element_counts(shapes: Sequence[Shape]) -> list[int]:
    return [prod(shape) for shape in shapes]


def _item_shapes(shapes: Sequence[Shape]) -> list[Shape]:
    return [shape[1:] for shape in shapes for _ in range(shape[0])]


# The content of a batch input, by its kind, from the shapes [batch, …] that the source input has in the requests.
KINDS: Mapping[str, Callable[[Sequence[Shape]], Sequence[int] | Sequence[Shape]]] = {
    "BATCH_ELEMENT_COUNT": _element_counts,
    "BATCH_ACCUMULATED_ELEMENT_COUNT": lambda shapes: list(accumulate(_element_counts(shapes))),
    "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO": lambda shapes: list(accumulate(_element_counts(shapes), initial=0)),
    # Graphs read its length; its values have no meaning.
    "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE": lambda shapes: [0] * max(_element_counts(shapes)),
    "BATCH_ITEM_SHAPE": _item_shapes,
    "BATCH_ITEM_SHAPE_FLATTEN": lambda shapes: [dim for shape in _item_shapes(shapes) for dim in shape],
}


@dataclass(frozen=True)
class BatchInput:
    """An input of the graph that is computed from the shapes of another input, `source`."""

    name: str
    kind: str
    data_type: str
    source: str

    def array(self, shapes: Sequence[Shape]) -> Array:
        """Compute the tensor for a batch from the shapes of the source input, [batch, …] for each request."""
        return np.array(KINDS[self.kind](shapes), DTYPES[self.data_type])


@dataclass(frozen=True)
class BatchOutput:
    """An output of the graph that is cut by the shapes of an input, `source`: one piece for each request."""

    name: str
    shape: tuple[int, ...]
    source: str

    def pieces(self, array: Array, shapes: Sequence[Shape]) -> Iterator[Array]:
        """Cut the output into a piece for each request, in order, as views. A dim of -1 is that of the source input.

        Raises:
            InferenceError: The pieces together do not have the size of the output.
        """
        wanted = [self._piece_shape(shape) for shape in shapes]
        bounds = list(accumulate(map(prod, wanted), initial=0))
        if bounds[-1] != array.size:
            raise InferenceError(
                f"output '{self.name}': expected {bounds[-1]} elements by the shapes of '{self.source}', "
                f"got {array.size}",
                caller_at_fault=False,
            )
        flat = array.reshape(-1)
        return (flat[start:stop].reshape(shape) for (start, stop), shape in zip(pairwise(bounds), wanted, strict=True))

    def _piece_shape(self, source: Shape) -> tuple[int, ...]:
        return tuple(source[index] if dim == -1 else dim for index, dim in enumerate(self.shape))


@dataclass(frozen=True)
class Ragged:
    """The inputs and outputs of a model that are not batched row by row.

    Attributes:
        inputs: The names of the inputs that requests have in different lengths.
        batch_inputs: The inputs that are computed.
        batch_outputs: The outputs that are cut, by name.
    """

    inputs: frozenset[str]
    batch_inputs: tuple[BatchInput, ...]
    batch_outputs: Mapping[str, BatchOutput]

    def __bool__(self) -> bool:
        return bool(self.inputs or self.batch_inputs or self.batch_outputs)


def ragged(config: Config) -> Ragged:
    """Read `allow_ragged_batch`, `batch_input` and `batch_output` of a model configuration.

    Raises:
        ConfigError: A kind, a data type or a name of a tensor is unknown.
    """
    batch = [-1] if config["max_batch_size"] > 0 else []
    shapes = {entry["name"]: (*batch, *map(int, entry["dims"])) for entry in (*config["input"], *config["output"])}
    outputs = (output for entry in config.get("batch_output", []) for output in _batch_outputs(entry, shapes))
    return Ragged(
        inputs=frozenset(entry["name"] for entry in config["input"] if entry.get("allow_ragged_batch")),
        batch_inputs=tuple(each for entry in config.get("batch_input", []) for each in _batch_inputs(entry, shapes)),
        batch_outputs={output.name: output for output in outputs},
    )


def _batch_inputs(entry: Config, shapes: Mapping[str, Shape]) -> Iterator[BatchInput]:
    for name in entry["target_name"]:
        subject = f"batch_input '{name}'"
        _check_choice(subject, "kind", entry["kind"], KINDS)
        _check_choice(subject, "data_type", entry["data_type"], DTYPES)
        yield BatchInput(name, entry["kind"], entry["data_type"], _source(subject, entry, shapes))


def _batch_outputs(entry: Config, shapes: Mapping[str, Shape]) -> Iterator[BatchOutput]:
    for name in entry["target_name"]:
        subject = f"batch_output '{name}'"
        _check_choice(subject, "kind", entry["kind"], [SCATTER])
        _check_choice(subject, "target_name", name, shapes)
        source = _source(subject, entry, shapes)
        dims = list(shapes[name])
        if -1 in dims[len(shapes[source]) :]:
            raise ConfigError(
                f"{subject}: expected -1 only in the first {len(shapes[source])} of its dims, as many as source_input "
                f"'{source}' has, got {dims}"
            )
        yield BatchOutput(name, tuple(shapes[name]), source)


def _source(subject: str, entry: Config, shapes: Mapping[str, Shape]) -> str:
    (source,) = entry["source_input"] or [""]
    _check_choice(subject, "source_input", source, shapes)
    return str(source)


def _check_choice(subject: str, field: str, got: str, expected: Mapping[str, object] | Sequence[str]) -> None:
    if got not in expected:
        raise ConfigError(f"{subject}: expected {field} to be one of {', '.join(expected)}, got '{got}'")
