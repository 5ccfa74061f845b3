"""The head of image encoders: one vector of length 1 for each image."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.model_spec import ModelSpec

SHORTEST = 1e-12
"""What a vector is divided by at least: a vector of zeros stays one."""


def add_embedding_head(graph: GraphBuilder, spec: ModelSpec, tensors: Sequence[ValueInfoProto]) -> list[ValueInfoProto]:
    """Add the head of an image encoder.

    Args:
        graph: The graph.
        spec: The specification, of the format `vector` or `cls_token`.
        tensors: The network's output: a vector [batch, d], also with further dimensions of 1, or tokens
            [batch, tokens, d] whose first one stands for the image.

    Returns:
        The output `embedding` FP32 [batch, d], of length 1.
    """
    (tensor,) = tensors
    dims = tensor.type.tensor_type.shape.dim
    if spec.output_format == "cls_token":
        vector, width = graph.op("Gather", tensor.name, graph.constant(0, "int64"), axis=1), dims[2]
    else:
        vector, width = graph.op("Flatten", tensor.name), dims[1]
    length = graph.reduce("ReduceL2", vector, 1, keepdims=1)
    graph.op("Div", vector, graph.op("Max", length, graph.constant(SHORTEST)), to="embedding")
    return [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", width.dim_value or "dimensions"])]
