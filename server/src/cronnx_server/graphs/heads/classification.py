"""The head of classifiers: the best classes, with exclusive or with independent scores."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.model_spec import ModelSpec

TOP_K = 5
"""The most classes of an answer."""


def add_classification_head(
    graph: GraphBuilder, spec: ModelSpec, tensors: Sequence[ValueInfoProto]
) -> list[ValueInfoProto]:
    """Add the head of a classifier or of a multi-label model.

    A network with one column and two labels scores the second label: the first gets the rest.

    Args:
        graph: The graph.
        spec: The specification; its activation makes scores of the network's output.
        tensors: The network's output [batch, classes], or with further dimensions of 1.

    Returns:
        The outputs: `label` STRING [batch, k], `class_id` INT64 [batch, k] and `score` FP32 [batch, k], best first,
        and the `logits` FP32 [batch, classes] that they were made of; k is 5, or the number of labels if fewer.

    Raises:
        ValueError: The network has another number of classes than labels.
    """
    (tensor,) = tensors
    dims = tensor.type.tensor_type.shape.dim
    columns = dims[1].dim_value if len(dims) > 1 else 0
    classes, top_k = len(spec.labels), min(TOP_K, len(spec.labels))
    logits = graph.op("Identity" if len(dims) == 2 else "Flatten", tensor.name, to="logits")
    scores = {
        "softmax": lambda: graph.op("Softmax", tensor.name if len(dims) == 2 else logits, axis=1),
        "sigmoid": lambda: graph.op("Sigmoid", logits),
        "none": lambda: logits,
    }[spec.activation]()
    if columns == 1 and classes == 2:
        scores = graph.op("Concat", graph.op("Sub", graph.constant(1), scores), scores, axis=1)
    elif spec.first_class:
        scores = graph.op("Slice", scores, graph.ints(spec.first_class), graph.ints(2**31), graph.ints(1))
    if columns and columns != classes + spec.first_class and (columns, classes) != (1, 2):
        raise ValueError(f"expected {columns - spec.first_class} labels, one for each class, got {classes}")
    graph.ops("TopK", scores, graph.ints(top_k), outputs=2, to=("score", "class_id"), axis=1)
    add_labels(graph, "class_id", spec.labels, to="label")
    return [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["batch", top_k]),
        helper.make_tensor_value_info("class_id", TensorProto.INT64, ["batch", top_k]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", top_k]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", columns or "classes"]),
    ]


def add_labels(graph: GraphBuilder, class_id: str, labels: Sequence[str], *, to: str) -> None:
    """Add the node from class numbers INT64 of any shape to their labels; other numbers have the label ""."""
    graph.op(
        "LabelEncoder",
        class_id,
        domain="ai.onnx.ml",
        to=to,
        keys_int64s=list(range(len(labels))),
        values_strings=list(labels),
        default_string="",
    )
