"""gRPC calls with a wrong message, wrong tensors or wrong names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tritonclient.grpc import service_pb2

from cronnx_lab.fuzz.requests import INFER, GrpcRequest
from tests.corpus.http_requests import FILE, element
from tests.corpus.malformed import MODEL, Malformed

Tensor = service_pb2.ModelInferRequest.InferInputTensor
Output = service_pb2.ModelInferRequest.InferRequestedOutputTensor
IMAGE = {"name": "image", "datatype": "BYTES", "shape": [1, 1]}


def message(
    tensors: Sequence[Any] = (Tensor(**IMAGE),), raw: Sequence[bytes] = (element(FILE),), **fields: Any
) -> bytes:
    named = {"model_name": MODEL, **fields}
    return service_pb2.ModelInferRequest(inputs=tensors, raw_input_contents=raw, **named).SerializeToString()


def call(kind: str, request: bytes, expected: str, status: int = 400, *, method: str = INFER) -> Malformed:
    return Malformed(f"gRPC: {kind}", GrpcRequest(request, method), status, expected)


def tensor(
    kind: str, expected: str, status: int = 400, *, raw: Sequence[bytes] = (element(FILE),), **changed: Any
) -> Malformed:
    return call(kind, message([Tensor(**{**IMAGE, **changed})], raw), expected, status)


def parameter(kind: str, expected: str, status: int = 400, **value: Any) -> Malformed:
    """Return a request with one parameter of a protobuf type."""
    ((name, given),) = value.items()
    changed = service_pb2.ModelInferRequest()
    changed.ParseFromString(message())
    changed.parameters[name].CopyFrom(given)
    return call(kind, changed.SerializeToString(), expected, status)


def _contents(**values: Any) -> Any:
    return service_pb2.InferTensorContents(**values)


GRPC_REQUESTS = [
    call("nothing", b"", "Request for unknown model: '' is not found", 404),
    call("bytes that are no message", b"\xff" * 50, "Unable to parse request", 500),
    call("a message cut short", message()[:-9], "Unable to parse request", 500),
    call("an unknown service", message(), "UNIMPLEMENTED", 501, method="/inference.GRPCInferenceService/Predict"),
    call("no model", message(model_name=""), "Request for unknown model: '' is not found", 404),
    call("an unknown model", message(model_name="none"), "Request for unknown model: 'none' is not found", 404),
    call(
        "a path out of the repository",
        message(model_name="../../etc"),
        "Request for unknown model: '../../etc' is not found",
        404,
    ),
    call(
        "a version that is not there",
        message(model_version="99"),
        "Request for unknown model: 'efficientnet_lite0' version 99 is not found",
        404,
    ),
    call(
        "a version that is no number",
        message(model_version="latest"),
        "failed to get model version from specified version string 'latest'",
    ),
    call("no inputs", message([], []), "expected 1 inputs but got 0 inputs"),
    call(
        "the input twice",
        message([Tensor(**IMAGE)] * 2, [element(FILE)] * 2),
        "input 'image' already exists in request",
    ),
    call(
        "an input too many",
        message([Tensor(**IMAGE), Tensor(**{**IMAGE, "name": "mask"})], [element(FILE)] * 2),
        "expected 1 inputs but got 2 inputs",
    ),
    call("an output that is none", message(outputs=[Output(name="boxes")]), "unexpected inference output 'boxes'"),
    tensor("a wrong name", "unexpected inference input 'picture'", name="picture"),
    tensor("a wrong datatype", "inference input 'image' data-type is 'UINT8'", datatype="UINT8"),
    tensor("an unknown datatype", "inference input 'image' data-type is '<invalid>'", datatype="STRING"),
    tensor("no datatype", "inference input 'image' data-type is '<invalid>'", datatype=""),
    tensor("no shape", "input 'image' has no shape but model requires batch dimension", shape=[]),
    tensor("a shape of three dims", "unexpected shape for input 'image'", shape=[1, 1, 1]),
    tensor("a shape of two columns", "unexpected shape for input 'image'", shape=[1, 2], raw=[element(FILE) * 2]),
    tensor("a shape of none", "expected 1 string elements", shape=[0, 1], raw=[b""]),
    tensor("a shape below zero", "expected 4294967295 string elements", shape=[-1, 1]),
    tensor("more than a batch", "inference request batch-size must be <= 16", shape=[17, 1], raw=[element(FILE) * 17]),
    tensor("a shape of 2^62 times 4", "unexpected shape for input 'image'", shape=[2**62, 4]),
    tensor("no data", "unable to find data for input tensor 'image'", raw=[]),
    tensor("data for two", "", 200, raw=[element(FILE)] * 2),
    tensor("a length of 4 GB", "incomplete string data", raw=[element(FILE, 2**32 - 1)]),
    tensor("half a length", "incomplete string length indicator", raw=[b"\1\0"]),
    tensor("two elements for one", "unexpected number of string elements 2", raw=[element(FILE) * 2]),
    tensor("one element for two", "expected 2 string elements", shape=[2, 1]),
    tensor("contents of the right kind", "", 200, raw=[], contents=_contents(bytes_contents=[FILE])),
    tensor(
        "contents of another kind",
        "unexpected explicit tensor data for input tensor 'image'",
        raw=[],
        contents=_contents(int_contents=[1]),
    ),
    tensor(
        "contents of two for one",
        "unexpected number of string elements 2",
        raw=[],
        contents=_contents(bytes_contents=[FILE] * 2),
    ),
    tensor(
        "contents beside raw bytes",
        "contents field must not be specified when using raw_input_contents for 'image'",
        contents=_contents(bytes_contents=[FILE]),
    ),
    parameter(
        "a timeout that is a text",
        "invalid value type for 'timeout' parameter, expected int64_param",
        timeout=service_pb2.InferParameter(string_param="soon"),
    ),
    parameter(
        "a priority below zero",
        "invalid value for 'priority', expected value >= 0",
        priority=service_pb2.InferParameter(int64_param=-1),
    ),
    parameter("a sequence that is started", "", 200, sequence_start=service_pb2.InferParameter(bool_param=True)),
]
