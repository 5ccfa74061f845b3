"""A classifier that costs nothing and answers with its input as the label, so that an answer shows its request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS
from tests.server.repositories import put

MODEL_NAME = "echo"

_SCHEDULING = """
backend: "onnxruntime"
max_batch_size: 64
dynamic_batching { }
instance_group [ { count: 1 } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
"""
TENSORS = """
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "label" data_type: TYPE_STRING dims: [ 5 ] },
  { name: "class_id" data_type: TYPE_INT64 dims: [ 5 ] },
  { name: "score" data_type: TYPE_FP32 dims: [ 5 ] },
  { name: "served_by" data_type: TYPE_STRING dims: [ 1 ] }
]
"""
CONFIG = _SCHEDULING + TENSORS


def write(repository: Path) -> None:
    """Write the model into a repository."""
    (put(repository, MODEL_NAME, CONFIG) / "model.onnx").write_bytes(graph())


def graph(served_by: str = "echo/1@00000000", *, first_class_id: int = 0) -> bytes:
    """Return an ONNX file whose answers carry `served_by` and the five classes from `first_class_id` on."""
    nodes = [
        helper.make_node("Concat", ["image"] * 5, ["label"], axis=1),
        helper.make_node("Shape", ["image"], ["batch_by_one"]),
        helper.make_node("Expand", ["class_ids", "batch_by_one"], ["class_id"]),
        helper.make_node("Expand", ["scores", "batch_by_one"], ["score"]),
        helper.make_node("Expand", ["provenance", "batch_by_one"], ["served_by"]),
    ]
    constants = [
        numpy_helper.from_array(np.arange(first_class_id, first_class_id + 5, dtype=np.int64)[None], "class_ids"),
        numpy_helper.from_array(np.linspace(0.9, 0.1, 5, dtype=np.float32)[None], "scores"),
        numpy_helper.from_array(np.array([[served_by]], dtype=object), "provenance"),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.STRING, ["batch", 1])]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["batch", 5]),
        helper.make_tensor_value_info("class_id", TensorProto.INT64, ["batch", 5]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 5]),
        helper.make_tensor_value_info("served_by", TensorProto.STRING, ["batch", 1]),
    ]
    graph = helper.make_graph(nodes, MODEL_NAME, inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION).SerializeToString()
