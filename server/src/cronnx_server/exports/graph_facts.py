"""Reads what a graph alone says: its image input, built-in normalisation, last operators and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, inliner, numpy_helper

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts

Dim = int | str
Array = npt.NDArray[np.generic]
Channels = npt.NDArray[np.float64]

DATATYPES: Mapping[int, str] = {TensorProto.FLOAT: "FP32", TensorProto.FLOAT16: "FP16", TensorProto.UINT8: "UINT8"}
"""The datatypes of an image input that a served graph can feed."""
TRANSPARENT = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Dropout"}
"""Operators that move values without changing them."""
PREPROCESSING = {"Cast", "Identity", "Transpose", "Slice", "Gather", "Add", "Sub", "Mul", "Div", "BatchNormalization"}
BYTE_RANGE = 255.0
LEAST_SPREAD, LARGEST_SPREAD = 0.9, 12.0
"""The range of a channel after normalisation: 1 for values from 0 to 1, 2 for -1 to 1, about 4 for ImageNet's."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph.

    Attributes:
        name: Its name.
        element_type: Its type, a value of `TensorProto.DataType`.
        shape: Its dimensions; a name, which may be empty, where a dimension varies. None if the rank is unknown.
    """

    name: str
    element_type: int
    shape: tuple[Dim, ...] | None

    @classmethod
    def of(cls, value: ValueInfoProto) -> Tensor:
        """Read a declaration."""
        tensor = value.type.tensor_type
        shape = (
            tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim)
            if tensor.HasField("shape")
            else None
        )
        return cls(value.name, tensor.elem_type, shape)

    @property
    def integral(self) -> bool:
        """Whether its values are whole numbers."""
        return self.element_type in (
            TensorProto.INT64,
            TensorProto.INT32,
            TensorProto.UINT8,
            TensorProto.INT8,
            TensorProto.INT16,
        )

    def __str__(self) -> str:
        """Its name, type and shape."""
        return f"'{self.name}' {TensorProto.DataType.Name(self.element_type)} {list(self.shape or ())}"


@dataclass(frozen=True)
class Scaling:
    """An arithmetic between the image input and the network: `factor * value + offset`, by channel.

    Attributes:
        operators: The operators, for the user.
        factor: The factor of each channel.
        offset: The offset of each channel.
    """

    operators: tuple[str, ...]
    factor: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    @property
    def input_range(self) -> float | None:
        """The largest value of the input that the arithmetic is made for: 255 or 1; None if neither is sensible."""
        factor, offset = float(np.abs(self.factor).mean()), float(np.abs(self.offset).max())
        if "BatchNormalization" in self.operators:  # its factors are learned; only a step from bytes is plain
            return BYTE_RANGE if LEAST_SPREAD <= factor * BYTE_RANGE <= LARGEST_SPREAD else None
        if math.isclose(factor, 1, rel_tol=1e-3):
            return None if offset == 0 else BYTE_RANGE if offset > 2 else 1.0  # Caffe's means are near 100
        for largest in (BYTE_RANGE, 1.0):
            if LEAST_SPREAD <= factor * largest <= LARGEST_SPREAD:
                return largest
        return None


class Graph:
    """The graph of a model file, read for facts.

    Attributes:
        model: The model, with local functions inlined.
        inputs: The inputs without those that have a default.
        outputs: The outputs.
        metadata: The metadata of the file.
        operators: The names of all operators.
    """

    def __init__(self, model: ModelProto) -> None:
        """Read the graph of a whole model."""
        self.model = inliner.inline_local_functions(model) if model.functions else model
        graph = self.model.graph
        constants = {tensor.name for tensor in graph.initializer}
        self.inputs = tuple(Tensor.of(value) for value in graph.input if value.name not in constants)
        self.outputs = tuple(map(Tensor.of, graph.output))
        self.metadata: Mapping[str, str] = {entry.key: entry.value for entry in model.metadata_props}
        self.operators = {node.op_type for node in graph.node}
        self._graph = graph

    def output(self, name: str) -> Tensor:
        """The output of a name."""
        return next(tensor for tensor in self.outputs if tensor.name == name)

    @cached_property
    def _producers(self) -> Mapping[str, NodeProto]:
        return {name: node for node in self._graph.node for name in node.output if name}

    @cached_property
    def _initializers(self) -> Mapping[str, TensorProto]:
        return {tensor.name: tensor for tensor in self._graph.initializer}

    def constant(self, name: str) -> Array | None:
        """The value of a constant, seen through operators that only move it; None if it is computed or large."""
        if name in self._initializers:
            tensor = self._initializers[name]
            small = math.prod(tensor.dims) <= 4096 and tensor.data_location != TensorProto.EXTERNAL
            return numpy_helper.to_array(tensor) if small else None
        node = self._producers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant":
            return _constant_value(node)
        return self.constant(node.input[0]) if node.op_type in TRANSPARENT else None

    def last_operator(self, output: str) -> str:
        """The operator that computes an output, seen through operators that only move values.

        Returns:
            Its name; `Normalise` for a division by the values' own length; empty if the output is an input.
        """
        node = self._producers.get(output)
        while node is not None and node.op_type in TRANSPARENT:
            node = self._producers.get(node.input[0])
        if node is None:
            return ""
        return "Normalise" if self._normalises(node) else node.op_type

    def _normalises(self, node: NodeProto) -> bool:
        if node.op_type == "LpNormalization":
            return True
        if node.op_type != "Div":
            return False
        divisor = self._producers.get(node.input[1])
        while divisor is not None and divisor.op_type in {"Clip", "Expand", "Max", "Add", "Sqrt", *TRANSPARENT}:
            divisor = self._producers.get(divisor.input[0])
        return divisor is not None and divisor.op_type in {"ReduceL2", "ReduceSumSquare"}

    def image(self, name: str | None = None) -> Tensor:
        """The image input: the one of a name, or the only one that can be an image.

        Raises:
            ModelFileError: There is none, or several.
        """
        images = [tensor for tensor in self.inputs if _may_be_image(tensor) and name in (None, tensor.name)]
        if len(images) == 1:
            return images[0]
        got = ", ".join(map(str, self.inputs)) or "none"
        expected = "one image input of three channels, FP32, FP16 or UINT8"
        if name is not None:
            raise ModelFileError(f"--input: expected {expected}, got '{name}'; the inputs are {got}")
        raise ModelFileError(f"expected {expected}, got {got}; name it with --input, or use --raw")

    def scaling(self, image: str) -> Scaling | None:
        """The arithmetic with constants between the image input and the first other operator; None if there is none."""
        factor, offset = np.ones(3), np.zeros(3)
        operators: list[str] = []
        for node in self._leading(image):
            step = self._affine(node)
            if step is None:
                continue
            operators.append(node.op_type)
            factor, offset = factor * step[0], offset * step[0] + step[1]
        return Scaling(tuple(operators), factor, offset) if operators else None

    def _leading(self, name: str) -> Iterator[NodeProto]:
        """The chain of preprocessing operators that begins at an input."""
        while True:
            readers = [n for n in self._graph.node if name in n.input and n.op_type not in ("Shape", "Size")]
            if len(readers) != 1 or readers[0].op_type not in PREPROCESSING:
                return
            node = readers[0]
            if node.op_type in ("Add", "Sub", "Mul", "Div", "BatchNormalization") and self._affine(node) is None:
                return
            yield node
            name = node.output[0]

    def _affine(self, node: NodeProto) -> tuple[Channels, Channels] | None:
        """A node as a factor and an offset of each channel; None if it is no arithmetic with constants."""
        if node.op_type == "BatchNormalization":
            return self._batch_normalisation(node)
        if node.op_type not in ("Add", "Sub", "Mul", "Div"):
            return None
        left, right = (self.constant(name) for name in node.input[:2])
        value = _by_channel(left if right is None else right)
        if value is None or (left is not None and node.op_type in ("Sub", "Div")):
            return None
        match node.op_type:
            case "Add":
                return np.ones(3), value
            case "Sub":
                return np.ones(3), -value
            case "Mul":
                return value, np.zeros(3)
        return 1 / value, np.zeros(3)

    def _batch_normalisation(self, node: NodeProto) -> tuple[Channels, Channels] | None:
        values = [_by_channel(self.constant(name)) for name in node.input[1:5]]
        if any(value is None for value in values):
            return None
        scale, bias, mean, variance = (np.asarray(value, np.float64) for value in values)
        epsilon = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        return factor, bias - mean * factor


def add_graph_facts(graph: Graph, facts: Facts) -> Tensor:
    """Add what the graph says of its image input: name, layout, size, and the values that it takes.

    Returns:
        The image input.

    Raises:
        ModelFileError: There is not one image input, or its layout is unknown.
    """
    image = graph.image(facts.get("input"))
    facts.add("input", image.name, "graph")
    layout = layout_of(image, facts.get("layout"))
    facts.add("layout", layout, "graph")
    shape = image.shape or ()
    sides = shape[-2:] if layout == "NCHW" else shape[-3:-1]
    if all(isinstance(side, int) and side > 0 for side in sides):
        facts.add("size", sides, "graph")
    _add_value_range(graph, image, facts)
    return image


def layout_of(image: Tensor, given: str | None = None) -> str:
    """The layout of an image input: of its dimension of 3 channels, or by the names of its dimensions.

    Raises:
        ModelFileError: Both layouts fit.
    """
    shape = image.shape or ()
    if given is not None:
        channels = shape[-3 if given == "NCHW" else -1]
        if isinstance(channels, int) and channels not in (0, 3):
            raise ModelFileError(f"expected 3 channels where --layout {given} has them, got {image}; omit --layout")
        return given
    channels_first = shape[-3] == 3 or "channel" in str(shape[-3]).lower()
    channels_last = shape[-1] == 3 or "channel" in str(shape[-1]).lower()
    if channels_first == channels_last:
        raise ModelFileError(f"expected 3 channels in one dimension of the image input, got {image}; pass --layout")
    return "NCHW" if channels_first else "NHWC"


def _add_value_range(graph: Graph, image: Tensor, facts: Facts) -> None:
    scaling = graph.scaling(image.name)
    largest = scaling.input_range if scaling else None
    if image.element_type == TensorProto.UINT8:
        source, largest = "graph: UINT8 input", BYTE_RANGE
    elif scaling and largest:
        source = f"graph: begins with {', '.join(scaling.operators)}"
    else:
        return
    facts.add("scale", largest / BYTE_RANGE, source)
    facts.add("mean", (0.0, 0.0, 0.0), source)
    facts.add("std", (1.0, 1.0, 1.0), source)


def _may_be_image(tensor: Tensor) -> bool:
    shape = tensor.shape
    if shape is None or tensor.element_type not in DATATYPES or len(shape) not in (3, 4):
        return False
    if len(shape) == 3:  # torchvision's detectors take one image without a batch
        return 3 in (shape[0], shape[-1])
    return any(dim == 3 or "channel" in str(dim).lower() for dim in (shape[1], shape[3])) or _is_free(shape)


def _is_free(shape: tuple[Dim, ...]) -> bool:
    """Whether no dimension is fixed, as where `dynamic_axes` lists all four."""
    return all(isinstance(dim, str) for dim in shape)


def _constant_value(node: NodeProto) -> Array | None:
    for attribute in node.attribute:
        if attribute.name == "value":
            return numpy_helper.to_array(attribute.t)
        if attribute.name in ("value_float", "value_int"):
            return np.asarray(attribute.f if attribute.name == "value_float" else attribute.i)
        if attribute.name in ("value_floats", "value_ints"):
            return np.asarray(attribute.floats or attribute.ints)
    return None


def _by_channel(value: Array | None) -> npt.NDArray[np.float64] | None:
    """A constant of one value or one for each of three channels."""
    if value is None or value.size not in (1, 3) or not np.issubdtype(value.dtype, np.number):
        return None
    return np.broadcast_to(np.asarray(value, np.float64).reshape(-1), (3,))
