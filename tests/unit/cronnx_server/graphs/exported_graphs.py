"""Small graphs with the shapes, names and constants that exporters write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

from cronnx_server.graphs.builder import GraphBuilder


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def exported(
    build: Callable[[GraphBuilder], None],
    *,
    image: Sequence[int | str],
    outputs: Mapping[str, Sequence[int | str]],
    extra: Mapping[str, tuple[int, Sequence[int | str]]] | None = None,
    dtype: int = TensorProto.FLOAT,
    output_dtype: int = TensorProto.FLOAT,
    opset: int = 17,
    ir_version: int = 8,
    imports: Mapping[str, int] | None = None,
    **options: Any,
) -> ModelProto:
    """A model of an input `image`; `build` writes its nodes."""
    builder = GraphBuilder()
    build(builder)
    inputs = [helper.make_tensor_value_info("image", dtype, image)]
    inputs += [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in (extra or {}).items()]
    infos = [helper.make_tensor_value_info(name, output_dtype, dims) for name, dims in outputs.items()]
    graph = helper.make_graph(builder.nodes, "exported", inputs, infos, builder.constants)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(*each) for each in (imports or {}).items())]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, **options)


def reshapes(b: GraphBuilder, batch: int = 1, *, allowzero: int = 0) -> None:
    """A detector's head: [batch, 8, 16] and [batch, 8, 4] to [batch, 8, 20]."""
    options = {"allowzero": 1} if allowzero else {}
    maps = [b.op("Conv", "image", b.constant(weights(8, 3, size, size)), strides=[size, size]) for size in (4, 8)]
    flat = [b.op("Reshape", each, b.ints(batch, 8, -1), **options) for each in maps]
    joined = b.op("Concat", *flat, axis=2)
    b.op("Reshape", joined, b.ints(batch, 8, 20), to="scores", **options)


def class_token(b: GraphBuilder, batch: int = 1) -> None:
    """A vision transformer whose class token is a constant of the exported batch."""
    patches = b.op("Conv", "image", b.constant(weights(6, 3, 4, 4)), strides=[4, 4])
    rows = b.op("Transpose", b.op("Reshape", patches, b.ints(batch, 6, 16)), perm=[0, 2, 1])
    token = b.constant(np.repeat(weights(1, 1, 6), batch, axis=0))
    tokens = b.op("Add", b.op("Concat", token, rows, axis=1), b.constant(np.repeat(weights(1, 17, 6), batch, axis=0)))
    # As torch's attention: sequence first, heads beside the batch, and sequence and batch in one dimension.
    sequence = b.op("Transpose", tokens, perm=[1, 0, 2])
    heads = b.op("Transpose", b.op("Reshape", sequence, b.ints(17, batch * 2, 3)), perm=[1, 0, 2])
    weight = b.op("Softmax", b.op("MatMul", heads, b.op("Transpose", heads, perm=[0, 2, 1])), axis=-1)
    attended = b.op("Transpose", b.op("MatMul", weight, heads), perm=[1, 0, 2])
    flat = b.op("Gemm", b.op("Reshape", attended, b.ints(17 * batch, 6)), b.constant(weights(6, 6)))
    back = b.op("Transpose", b.op("Reshape", flat, b.ints(17, batch, 6)), perm=[1, 0, 2])
    first = b.op("Gather", back, b.constant(0, np.int64), axis=1)
    b.op("Gemm", first, b.constant(weights(6, 5)), to="scores")


def classifier(b: GraphBuilder, source: str = "image", to: str = "scores") -> None:
    """A classifier of 5 classes."""
    features = b.op("Flatten", b.op("GlobalAveragePool", b.op("Conv", source, b.constant(weights(8, 3, 3, 3)))))
    b.op("MatMul", features, b.constant(weights(8, 5)), to=to)
