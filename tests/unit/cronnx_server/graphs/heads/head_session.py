"""Runs a head alone: the network's outputs are the inputs of its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.detection import add_detection_head
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

Array = npt.NDArray[Any]
RANKS = {"box": 3, "keypoints": 4, "corners": 4}
TYPES = {"num_detections": TensorProto.INT32, "class_id": TensorProto.INT64, "label": TensorProto.STRING}
# Letterboxed: a photograph of 500 x 300 fills 640 x 384 of a canvas of 640 x 448.
SIZE = (448, 640)
GEOMETRY = (500, 300, 1.28, 1.28, 0, 32)


def detector(
    output_format: str, outputs: int, *, classes: int = 4, task: Task = Task.DETECTION, **facts: Any
) -> ModelSpec:
    """The specification of a detector."""
    return ModelSpec(
        task=task,
        output_format=output_format,
        outputs=tuple(f"output{index}" for index in range(outputs)),
        recipe=Recipe(height=SIZE[0], width=SIZE[1]),
        input=NetworkInput(name="images"),
        labels=tuple(f"label {index}" for index in range(classes)),
        **{"max_detections": 20, **facts},
    )


def run_head(
    spec: ModelSpec,
    outputs: Sequence[Array],
    *,
    batch: int,
    opset: int = 17,
    add_head: Callable[..., dict[str, str]] = add_detection_head,
) -> Mapping[str, Array]:
    """The answer of the head for these outputs of a network."""
    graph = GraphBuilder("head/", opset=opset)
    answer = add_head(graph, spec.outputs, "geometry", spec, pixels_shape="pixels_shape")
    session = _session(graph, answer, dict(zip(spec.outputs, outputs, strict=True)), opset)
    feeds = {
        **dict(zip(spec.outputs, outputs, strict=True)),
        "geometry": np.array([GEOMETRY] * batch, np.float32),
        "pixels_shape": np.array([batch, *SIZE, 3], np.int64),
    }
    return dict(zip(answer, session.run(None, feeds), strict=True))


def _session(
    graph: GraphBuilder, answer: Mapping[str, str], outputs: Mapping[str, Array], opset: int
) -> onnxruntime.InferenceSession:
    inputs = [
        *(_tensor(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.ndim) for name, value in outputs.items()),
        _tensor("geometry", TensorProto.FLOAT, 2),
        _tensor("pixels_shape", TensorProto.INT64, 1),
    ]
    named = [helper.make_node("Identity", [tensor], [name]) for name, tensor in answer.items()]
    model = helper.make_model(
        helper.make_graph(
            [*graph.nodes, *named],
            "head",
            inputs,
            [_tensor(name, TYPES.get(name, TensorProto.FLOAT), RANKS.get(name, 2)) for name in answer],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 2)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _tensor(name: str, onnx_type: int, rank: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx_type, [None] * rank)
