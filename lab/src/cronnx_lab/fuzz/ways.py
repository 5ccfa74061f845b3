"""The four ways to send a picture to an ensemble."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from tritonclient.grpc import service_pb2

from cronnx_lab.fuzz.wire import GrpcRequest, HttpRequest, Request


@dataclass(frozen=True)
class Payload:
    """What is sent as a picture.

    Attributes:
        content: bytes of a file, or of a text.
        is_text: whether it can be sent in JSON as it is; a file goes there in base64.
    """

    content: bytes
    is_text: bool = False

    @property
    def text(self) -> str:
        """As JSON carries it."""
        return self.content.decode() if self.is_text else b64encode(self.content).decode()


def over_http_json(model: str, payload: Payload) -> HttpRequest:
    """By `infer`, the tensor in the JSON."""
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [payload.text]}
    return HttpRequest(f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}).encode())


def over_http_binary(model: str, payload: Payload) -> HttpRequest:
    """By `infer`, the tensor behind the JSON."""
    element = struct.pack("<I", len(payload.content)) + payload.content
    size = {"binary_data_size": len(element)}
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    return HttpRequest(f"/v2/models/{model}/infer", head + element, {"Inference-Header-Content-Length": str(len(head))})


def over_generate(model: str, payload: Payload) -> HttpRequest:
    """By `generate`, as curl does."""
    return HttpRequest(f"/v2/models/{model}/generate", json.dumps({"image": payload.text}).encode())


def over_grpc(model: str, payload: Payload) -> GrpcRequest:
    """By `ModelInfer`, the tensor in raw bytes."""
    element = struct.pack("<I", len(payload.content)) + payload.content
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=[1, 1])
    message = service_pb2.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[element])
    return GrpcRequest(message.SerializeToString())


WAYS: dict[str, Callable[[str, Payload], Request]] = {
    "HTTP JSON": over_http_json,
    "HTTP binary": over_http_binary,
    "generate": over_generate,
    "gRPC": over_grpc,
}
