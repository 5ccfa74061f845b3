"""Models that give every image the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS
from tests.server.repositories import ONE_INSTANCE, parameter, put, put_onnx, put_python

_DATA_TYPES = {"float32": "FP32", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8"}
_IMAGE = 'input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]'

# ONNX strings are UTF-8, so a Python model takes the bytes of the image.
_SEEN = """
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        images = [pb_utils.get_input_tensor_by_name(request, "image").as_numpy() for request in requests]
        seen = [pb_utils.Tensor("seen", np.full(image.shape, b"seen", object)) for image in images]
        return [pb_utils.InferenceResponse([tensor]) for tensor in seen]
"""
_SEEN_CONFIG = f"""
max_batch_size: 4
{_IMAGE}
output [ {{ name: "seen" data_type: TYPE_STRING dims: [ 1 ] }} ]
{ONE_INSTANCE}"""
_SEEN_STEP = """{
  model_name: "seen" model_version: -1
  input_map { key: "image" value: "image" } output_map { key: "seen" value: "seen" }
}"""


def write(repository: Path, name: str, answer: Mapping[str, npt.NDArray[Any]], *, task: str) -> None:
    """Write an ensemble that names a task, over a model that gives every image of a batch the same answer.

    Args:
        repository: The model repository.
        name: The ensemble's name.
        answer: The outputs by name, [1, ...]; strings are of dtype `object`.
        task: The task.
    """
    described = ", ".join(
        f'{{ name: "{output}" data_type: TYPE_{_DATA_TYPES.get(tensor.dtype.name, "STRING")} dims: {_dims(tensor)} }}'
        for output, tensor in answer.items()
    )
    tensors = f"max_batch_size: 4\n{_IMAGE}\noutput [ {described} ]\n"
    put_onnx(repository, f"{name}_onnx", _graph(answer), tensors + ONE_INSTANCE)
    output_map = " ".join(f'output_map {{ key: "{output}" value: "{output}" }}' for output in answer)
    step = f'{{ model_name: "{name}_onnx" model_version: -1 input_map {{ key: "image" value: "seen" }} {output_map} }}'
    scheduling = f"ensemble_scheduling {{ step [ {_SEEN_STEP}, {step} ] }}\n"
    put_python(repository, "seen", _SEEN, _SEEN_CONFIG)
    put(repository, name, f'platform: "ensemble"\n{tensors}{scheduling}{parameter("task", task)}')


def _dims(tensor: npt.NDArray[Any]) -> list[int]:
    return [size or -1 for size in tensor.shape[1:]]


def _graph(answer: Mapping[str, npt.NDArray[Any]]) -> bytes:
    nodes = [
        helper.make_node("Shape", ["image"], ["batch"], end=1),
        helper.make_node("Sub", ["batch", "batch"], ["zero"]),
    ]
    constants = []
    for name, tensor in answer.items():
        # A size of 0 is computed, because a graph that declares it has no valid configuration.
        value = tensor if tensor.size else np.zeros((1, 1), tensor.dtype)
        sizes = f"{name}_sizes" if tensor.size else "zero"
        nodes.append(helper.make_node("Concat", ["batch", sizes], [f"{name}_shape"], axis=0))
        nodes.append(helper.make_node("Expand", [f"{name}_value", f"{name}_shape"], [name]))
        constants.append(numpy_helper.from_array(value, f"{name}_value"))
        constants.append(numpy_helper.from_array(np.array(value.shape[1:], np.int64), f"{name}_sizes"))
    inputs = [helper.make_tensor_value_info("image", TensorProto.STRING, ["batch", 1])]
    outputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(tensor.dtype), ["batch", *_sizes(tensor)])
        for name, tensor in answer.items()
    ]
    graph = helper.make_graph(nodes, "fixed", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION).SerializeToString()


def _sizes(tensor: npt.NDArray[Any]) -> list[str | int]:
    return [size or "any" for size in tensor.shape[1:]]
