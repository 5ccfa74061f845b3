"""Frees the batch of a graph that was exported for a fixed one.

Every tensor's shape is inferred for two batches, the exported one and a larger one. A dimension that grows with the
batch has it. Where a constant holds the exported batch, so that a node loses that dimension, the constant is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, TypeProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from cronnx_server.graphs.onnx_graph import opset_of
from cronnx_server.graphs.structure import extract

GROWTH = 13
"""The larger batch in exported ones; a prime that no network has as a dimension by chance."""
LARGEST_VALUE = 4096
"""The elements of the largest tensor whose value is followed; shapes are computed from small ones."""
STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
ALIGNED = {"GatherElements", "ScatterElements", "GridSample", "Concat"}

Shape = tuple[int, ...]
Value = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Tracked:
    """What is known of a tensor, for the exported batch and for the larger one.

    Attributes:
        dtype: ONNX's number of the data type.
        shapes: The shapes; None if they depend on values.
        values: The values of a tensor that shapes may be computed from, else None.
        outer: How many steps of the batch's dimension precede the batch in it: 50 where (50, batch) became one.
    """

    dtype: int
    shapes: tuple[Shape, Shape] | None
    values: tuple[Value, Value] | None = None
    outer: int = 1

    @property
    def axis(self) -> int | None:
        """The dimension that grows with the batch; None if none or several do."""
        if self.shapes is None:
            return None
        axes = [axis for axis, (exported, larger) in enumerate(zip(*self.shapes, strict=True)) if exported != larger]
        return axes[0] if len(axes) == 1 else None


@dataclass
class Freed:
    """A graph whose constants do not hold the exported batch.

    Attributes:
        model: The graph.
        changes: How many nodes of each operator were changed.
        problems: What could not be changed, one sentence each.
        tensors: What is known of every tensor.
    """

    model: ModelProto
    changes: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    tensors: dict[str, Tracked] = field(default_factory=dict)


def free_batch(
    model: ModelProto, *, image: str, shape: Sequence[int | None], trial: Sequence[int], batch: int
) -> Freed:
    """Replace the constants of a graph that hold the exported batch.

    Args:
        model: A self-contained graph; it is left as it is.
        image: The name of the image input.
        shape: The shape of one image; None where it varies.
        trial: The shape of one image that shapes are inferred with.
        batch: The exported batch.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    return _Liberation(copy, image=image, static=None not in shape, trial=tuple(trial), batch=batch).run()


class _Liberation:
    """One walk over the nodes of a graph."""

    def __init__(self, model: ModelProto, *, image: str, static: bool, trial: Shape, batch: int) -> None:
        self.freed = Freed(model)
        self.image, self.static, self.batch = image, static, batch
        self.opset = opset_of(model)
        self.tensors = self.freed.tensors
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        for tensor in model.graph.initializer:
            dims = tuple(tensor.dims)
            small = math.prod(dims) <= LARGEST_VALUE and tensor.data_type != TensorProto.STRING
            value = numpy_helper.to_array(tensor) if small else None
            self.tensors[tensor.name] = Tracked(
                tensor.data_type, (dims, dims), None if value is None else (value, value)
            )
        for tensor_info in model.graph.input:
            if tensor_info.name == image:
                dtype = tensor_info.type.tensor_type.elem_type
                self.tensors[image] = Tracked(dtype, ((batch, *trial), (batch * GROWTH, *trial)))

    def run(self) -> Freed:
        graph = self.freed.model.graph
        for node in list(graph.node):
            self._visit(node)
        del graph.node[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(self.constants)
        extract(self.freed.model, [tensor.name for tensor in graph.output])
        return self.freed

    def _visit(self, node: NodeProto) -> None:
        inputs = [self.tensors.get(name) for name in node.input if name]
        if all(known is not None and known.shapes is not None for known in inputs) and not node.domain:
            repair = getattr(self, f"_free_{node.op_type.lower()}", None)
            if repair:
                repair(node)
            self._align(node)
        self.nodes.append(node)
        self._infer(node)
        self._check(node)

    # What nodes need

    def _free_reshape(self, node: NodeProto) -> None:
        source, target = self.tensors[node.input[0]], self.tensors[node.input[1]]
        axis = source.axis
        if axis is None or target.values is None or source.shapes is None:
            return
        keeps_zero = any(each.name == "allowzero" and each.i for each in node.attribute)
        written = target.values[0].astype(int).tolist()
        exported, larger = (
            _resolved(shape, value.astype(int).tolist(), keeps_zero=keeps_zero)
            for shape, value in zip(source.shapes, target.values, strict=True)
        )
        placed = None if exported is None else self._place(source, axis, exported)
        if exported is None or placed is None:
            self._problem(node, "spreads a batch over several dimensions")
            return
        position, _ = placed
        if larger == tuple(dim * GROWTH if index == position else dim for index, dim in enumerate(exported)):
            return
        self._write_shape(node, written, exported, position, copies=self._copies(source, axis, exported, position))

    def _copies(self, source: Tracked, axis: int, exported: Shape, position: int) -> bool:
        return source.shapes is not None and axis == position and source.shapes[0][axis] == exported[position]

    def _place(self, source: Tracked, axis: int, target: Shape) -> tuple[int, int] | None:
        """The dimension of a reshaped tensor that has the batch, and what precedes the batch in it.

        Of several that may have it, those are likelier that hold no features, nothing before the batch, and that
        have the same place as before.
        """
        assert source.shapes is not None  # noqa: S101 - the axis is known
        before = math.prod(source.shapes[0][:axis]) * source.outer
        found = []
        for position, dim in enumerate(target):
            prefix = math.prod(target[:position])
            if prefix and before % prefix == 0 and dim and dim % (before // prefix * self.batch) == 0:
                outer = before // prefix
                found.append((position == len(target) - 1, outer != 1, position != axis, position, outer))
        return min(found)[3:] if found else None

    def _write_shape(
        self, node: NodeProto, written: list[int], exported: Shape, position: int, *, copies: bool
    ) -> None:
        literal = any(tensor.name == node.input[1] for tensor in self.freed.model.graph.initializer)
        others = [dim for index, dim in enumerate(written) if index != position]
        entries = list(written) if literal or not self.static else list(exported)
        if literal and copies and not any(dim == 0 for index, dim in enumerate(exported) if index != position):
            entries[position] = 0
        elif self.static or (literal and -1 not in others):
            entries = [dim if self.static else kept for dim, kept in zip(exported, entries, strict=True)]
            entries[position] = -1
        else:
            node.input[1] = self._with_batch(node.input[1], position, exported[position] // self.batch, len(written))
            self._changed(node)
            return
        for index, attribute in enumerate(node.attribute):
            if attribute.name == "allowzero":
                del node.attribute[index]
                break
        node.input[1] = self._constant(np.array(entries, np.int64))
        self._changed(node)

    def _free_squeeze(self, node: NodeProto) -> None:
        source = self.tensors[node.input[0]]
        if source.axis is None or source.shapes is None or len([name for name in node.input if name]) > 1:
            return
        axes = [axis for axis, dim in enumerate(source.shapes[0]) if dim == 1 and axis != source.axis]
        if source.shapes[0][source.axis] == 1:
            del node.input[1:]
            node.input.append(self._constant(np.array(axes, np.int64)))
            self._changed(node)

    def _free_slice(self, node: NodeProto) -> None:
        """Let a slice that keeps the whole exported batch keep the whole of any."""
        source = self.tensors[node.input[0]]
        values = [self._literal(name) for name in node.input[1:]]
        if source.axis is None or source.shapes is None or len(values) < 2 or None in values[:2]:
            return
        starts, ends = values[0], values[1]
        rank = len(source.shapes[0])
        axes = values[2] if len(values) > 2 and values[2] is not None else list(range(len(starts or ())))
        steps = values[3] if len(values) > 3 and values[3] is not None else [1] * len(axes)
        dim = source.shapes[0][source.axis]
        for index, axis in enumerate(axes):
            if axis % rank != source.axis or steps[index] != 1 or starts is None or ends is None:
                continue
            begin, end = slice(starts[index], ends[index]).indices(dim)[:2]
            if (begin, end) == (0, dim) and ends[index] < GROWTH * dim:
                ends[index] = np.iinfo(np.int64).max
                node.input[2] = self._constant(np.array(ends, np.int64))
                self._changed(node)

    def _free_resize(self, node: NodeProto) -> None:
        source = self.tensors[node.input[0]]
        sizes = self._value(node.input[3]) if len(node.input) > 3 and node.input[3] else None
        partial = any(attribute.name == "axes" for attribute in node.attribute)
        if source.axis is None or source.shapes is None or sizes is None or partial:
            return
        if sizes[source.axis] == source.shapes[0][source.axis] and not self._grows(node.input[3]):
            per_batch = int(sizes[source.axis]) // self.batch
            node.input[3] = self._with_batch(node.input[3], source.axis, per_batch, len(sizes))
            self._changed(node)

    def _free_expand(self, node: NodeProto) -> None:
        source, target = self.tensors[node.input[0]], self._value(node.input[1])
        if source.axis is None or source.shapes is None or target is None or self._grows(node.input[1]):
            return
        position = source.axis - len(source.shapes[0]) + len(target)
        if 0 <= position < len(target) and target[position] not in (1,):
            if target[position] != source.shapes[0][source.axis]:
                self._problem(node, "repeats the images of a batch")
                return
            entries = target.copy()
            entries[position] = 1
            if self.static or self._literal(node.input[1]) is not None:
                node.input[1] = self._constant(entries.astype(np.int64))
                self._changed(node)

    def _align(self, node: NodeProto) -> None:
        """Give the inputs that do not have the batch, constants mostly, as many rows as those that do."""
        known = [self.tensors[name] if name else None for name in node.input]
        batched = next((each for each in known if each is not None and each.axis is not None), None)
        if batched is None or batched.axis is None or batched.shapes is None:
            return
        if node.op_type in STATES:
            for index in STATES[node.op_type]:
                if index < len(node.input) and node.input[index]:
                    self._grow(node, index, axis=1, batched=self.batch)
            return
        dim = batched.shapes[0][batched.axis]
        rank = len(batched.shapes[0])
        for index, tensor in enumerate(known):
            if tensor is None or tensor.shapes is None or tensor.axis is not None:
                continue
            shape = tensor.shapes[0]
            if node.op_type in ALIGNED:
                if len(shape) == rank and not (node.op_type == "Concat" and _axis(node, rank) == batched.axis):
                    self._grow(node, index, axis=batched.axis, batched=dim)
            elif self.batch > 1 and _broadcasts(node.op_type):
                position = batched.axis - rank + len(shape)
                if position >= 0 and shape[position] == dim:
                    self._first(node, index, axis=position)

    def _grow(self, node: NodeProto, index: int, *, axis: int, batched: int) -> None:
        tensor = self.tensors[node.input[index]]
        if tensor.shapes is None or axis >= len(tensor.shapes[0]) or tensor.axis is not None:
            return
        shape = tensor.shapes[0]
        if shape[axis] != batched or batched % self.batch:
            return
        if shape[axis] > 1:
            self._first(node, index, axis=axis, rows=batched // self.batch)
        ones = self._constant(np.ones(len(shape), np.int64))
        repeats = self._with_batch(ones, axis, 1, len(shape))
        operator = "Expand" if batched == self.batch else "Tile"
        node.input[index] = self._insert(operator, node.input[index], repeats)
        self._changed(node)

    def _first(self, node: NodeProto, index: int, *, axis: int, rows: int = 1) -> None:
        """Take the first image's part of a constant; that all are equal is checked at the end by running the graph."""
        ints = [self._constant(np.array([number], np.int64)) for number in (0, rows, axis)]
        node.input[index] = self._insert("Slice", node.input[index], *ints)
        self._changed(node)

    # What is known of a node's outputs

    def _infer(self, node: NodeProto) -> None:
        inputs = [self.tensors.get(name) for name in node.input if name]
        if any(known is None or known.shapes is None for known in inputs):
            return
        tracked = [each for each in inputs if each is not None]
        values = self._evaluate(node)
        shapes = [self._shapes(node, which) for which in (0, 1)]
        outer = self._outer(node, tracked)
        for name in filter(None, node.output):
            (first, dtype), (second, _) = (each.get(name, (None, 0)) for each in shapes)
            known_values = None if values is None else values.get(name)
            if known_values is not None:
                found: tuple[Shape, Shape] | None = (known_values[0].shape, known_values[1].shape)
                dtype = helper.np_dtype_to_tensor_dtype(known_values[0].dtype)
            else:
                found = None if first is None or second is None or len(first) != len(second) else (first, second)
            self.tensors[name] = Tracked(dtype, found, known_values, outer)

    def _outer(self, node: NodeProto, inputs: Sequence[Tracked]) -> int:
        if node.op_type == "Reshape" and inputs[0].axis is not None and self._value(node.input[1]) is not None:
            shapes = self._shapes(node, 0).get(node.output[0], (None, 0))[0]
            placed = self._place(inputs[0], inputs[0].axis, shapes) if shapes else None
            return placed[1] if placed else 1
        outers = {each.outer for each in inputs if each.axis is not None}
        return outers.pop() if len(outers) == 1 else 1

    def _evaluate(self, node: NodeProto) -> dict[str, tuple[Value, Value]] | None:
        """The values of a node's outputs, if shapes may be computed from them."""
        inputs = {name: self.tensors[name] for name in node.input if name}
        if node.op_type in ("Shape", "Size"):
            shapes = inputs[node.input[0]].shapes
            if shapes is None:
                return None
            bounds = {each.name: each.i for each in node.attribute}
            part = slice(bounds.get("start"), bounds.get("end"))
            dims = [
                np.array(shape[part] if node.op_type == "Shape" else math.prod(shape), np.int64) for shape in shapes
            ]
            return {node.output[0]: (dims[0], dims[1])}
        if node.domain or not inputs or any(each.values is None for each in inputs.values()):
            return None
        if node.op_type in ("ConstantOfShape", "Expand", "Tile", "Range") or node.op_type.startswith("Random"):
            sizes = [
                shape for shape, _ in (self._shapes(node, which).get(node.output[0], (None, 0)) for which in (0, 1))
            ]
            if any(shape is None or math.prod(shape) > LARGEST_VALUE for shape in sizes):
                return None
        try:
            results = [
                ReferenceEvaluator(node, opsets={"": self.opset}).run(
                    None, {name: each.values[which] for name, each in inputs.items() if each.values is not None}
                )
                for which in (0, 1)
            ]
        except Exception:  # noqa: BLE001 - an operator that the reference lacks is only not followed
            return None
        pairs = {name: tuple(map(np.asarray, pair)) for name, *pair in zip(node.output, *results, strict=False)}
        return {name: (a, b) for name, (a, b) in pairs.items() if a.size <= LARGEST_VALUE and b.size <= LARGEST_VALUE}

    def _shapes(self, node: NodeProto, which: int) -> dict[str, tuple[Shape | None, int]]:
        """The shapes and data types of a node's outputs for one of the two batches."""
        types: dict[str, TypeProto] = {}
        values: dict[str, TensorProto] = {}
        for name in filter(None, node.input):
            tensor = self.tensors[name]
            if tensor.shapes is None:
                return {}
            types[name] = helper.make_tensor_type_proto(tensor.dtype, tensor.shapes[which])
            if tensor.values is not None:
                values[name] = numpy_helper.from_array(tensor.values[which], name)
        try:
            schema = defs.get_schema(node.op_type, self.opset, node.domain)
            found = onnx.shape_inference.infer_node_outputs(
                schema, node, types, values, opset_imports=list(self.freed.model.opset_import)
            )
        except (defs.SchemaError, onnx.shape_inference.InferenceError, RuntimeError):
            return self._like_first(node, which)
        return {name: (_dims(kind), kind.tensor_type.elem_type) for name, kind in found.items()}

    def _like_first(self, node: NodeProto, which: int) -> dict[str, tuple[Shape | None, int]]:
        """ONNX Runtime's own operators have no schema here; those that work element by element keep the shape."""
        first = self.tensors[node.input[0]] if node.input and node.input[0] else None
        elementwise = {"Gelu", "FastGelu", "BiasGelu", "QuickGelu", "SimplifiedLayerNormalization"}
        if first is None or first.shapes is None or node.op_type not in elementwise:
            return {}
        return {node.output[0]: (first.shapes[which], first.dtype)}

    # What cannot be changed

    def _check(self, node: NodeProto) -> None:
        sources = [self.tensors[name] for name in node.input if name in self.tensors]
        if not any(each.axis is not None for each in sources):
            return
        outputs = [self.tensors.get(name) for name in node.output if name]
        if any(each is None or each.shapes is None for each in outputs):
            self._problem(node, "gives as many rows as the image has answers")
        elif node.op_type not in ("Shape", "Size", "Reshape") and all(each and each.axis is None for each in outputs):
            self._problem(node, "does not keep the images of a batch apart")

    def _problem(self, node: NodeProto, what: str) -> None:
        name = f" '{node.name}'" if node.name else ""
        self.freed.problems.append(f"its node{name} ({node.op_type}) {what}")

    # Edits

    def _constant(self, value: Value) -> str:
        name = f"batch/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        self.tensors[name] = Tracked(self.constants[-1].data_type, (value.shape, value.shape), (value, value))
        return name

    def _insert(self, operator: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        name = f"batch/{operator}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name], name=name, **attributes)
        self.nodes.append(node)
        self._infer(node)
        return name

    def _with_batch(self, shape: str, position: int, factor: int, rank: int) -> str:
        """A shape whose dimension at `position` is `factor` times the batch."""
        size = self._insert("Shape", self.image, start=0, end=1)
        if factor != 1:
            size = self._insert("Mul", size, self._constant(np.array([factor], np.int64)))
        start, at, after, end = (self._constant(np.array([n], np.int64)) for n in (0, position, position + 1, rank))
        parts = [self._insert("Slice", shape, start, at)] if position else []
        parts.append(size)
        if position + 1 < rank:
            parts.append(self._insert("Slice", shape, after, end))
        return self._insert("Concat", *parts, axis=0) if len(parts) > 1 else size

    def _changed(self, node: NodeProto) -> None:
        self.freed.changes[node.op_type] = self.freed.changes.get(node.op_type, 0) + 1

    def _value(self, name: str) -> npt.NDArray[np.int64] | None:
        values = self.tensors[name].values if name in self.tensors else None
        return None if values is None else values[0].astype(np.int64)

    def _literal(self, name: str) -> list[int] | None:
        value = self._value(name) if name else None
        return None if value is None or self._grows(name) else [int(each) for each in value.reshape(-1)]

    def _grows(self, name: str) -> bool:
        values = self.tensors[name].values
        return values is not None and not np.array_equal(*values)


def _resolved(shape: Shape, target: Sequence[int], *, keeps_zero: bool) -> Shape | None:
    """The shape that a `Reshape` gives, or that it would give if it fitted; None if it gives none."""
    dims = [
        shape[index] if dim == 0 and not keeps_zero and index < len(shape) else dim for index, dim in enumerate(target)
    ]
    if -1 in dims:
        rest = math.prod(dim for dim in dims if dim != -1)
        if not rest or math.prod(shape) % rest:
            return tuple(dims)
        dims[dims.index(-1)] = math.prod(shape) // rest
    return tuple(dims)


def _broadcasts(operator: str) -> bool:
    return operator in {"Add", "Sub", "Mul", "Div", "Pow", "Where", "MatMul", "Min", "Max", "Equal", "Greater", "Less",
                        "GreaterOrEqual", "LessOrEqual", "And", "Or", "Mod", "PRelu"}  # fmt: skip


def _axis(node: NodeProto, rank: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0) % rank


def _dims(kind: TypeProto) -> Shape | None:
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(dim.dim_value for dim in dims) if all(dim.HasField("dim_value") for dim in dims) else None


def input_batch(tensor: onnx.ValueInfoProto) -> int | None:
    """The batch that an input declares; None if it varies."""
    dims = tensor.type.tensor_type.shape.dim
    return dims[0].dim_value if dims and dims[0].HasField("dim_value") and dims[0].dim_value > 0 else None
