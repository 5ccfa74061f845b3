"""Strategies for requests with odd, missing, repeated or cut parts."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any, TypeAlias

from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from cronnx_lab.fuzz.images import damaged, seeds
from cronnx_lab.fuzz.requests import GrpcRequest, HttpRequest

_FILE = seeds()[0]
_TEXT = b64encode(_FILE).decode()
_ELEMENT = struct.pack("<I", len(_FILE)) + _FILE

Json: TypeAlias = dict[str, Any] | list[Any] | str | float | bool | None

_NUMBERS = (0, 1, -1, 2, 17, 2**31, 2**32, 2**32 + 1, 2**40, 2**62, 2**63, -(2**63), 2**64, 1e308, 0.5)
_WORDS = ("", "image", "label", "BYTES", "UINT8", "x", "\0", "\U0001f4f7", "../..", "x" * 60)
_ODD = st.sampled_from((None, True, *_NUMBERS, *_WORDS)) | st.text(max_size=20)
_VALUES = st.recursive(
    _ODD, lambda odd: st.lists(odd, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), odd, max_size=3)
)
_LENGTHS = st.none() | st.none() | st.sampled_from(("0", "-1", "1", "20", "99999999", "18446744073709551616", "x", ""))


def _document(draw: st.DrawFn) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [_TEXT], "parameters": {}}
    outputs = [{"name": "label", "parameters": {"binary_data": False}}]
    infer = {"id": "1", "inputs": [tensor], "outputs": outputs, "parameters": {"timeout": 10**7}}
    return draw(st.sampled_from((infer, {"inputs": [tensor]})))


def _changed(draw: st.DrawFn, node: Json) -> Json:
    """A copy of a JSON value with one part made odd, removed or repeated."""
    if not node or not isinstance(node, (dict, list)) or draw(st.integers(0, 3)) == 0:
        return draw(_VALUES)
    if isinstance(node, list):
        index = draw(st.integers(0, len(node) - 1))
        part = draw(st.sampled_from(("change", "lose", "double")))
        between = {"change": [_changed(draw, node[index])], "lose": [], "double": [node[index]] * 2}
        return [*node[:index], *between[part], *node[index + 1 :]]
    key = draw(st.sampled_from(sorted(node)))
    rest = {name: value for name, value in node.items() if name != key}
    match draw(st.sampled_from(("change", "change", "change", "lose", "rename"))):
        case "change":
            return {**rest, key: _changed(draw, node[key])}
        case "rename":
            return {**rest, draw(st.sampled_from(_WORDS)): node[key]}
    return rest


@st.composite
def http_requests(draw: st.DrawFn, model: str) -> HttpRequest:
    """A call of `infer` or `generate` with odd or damaged JSON, or an odd header length."""
    is_generate = draw(st.integers(0, 3)) == 0
    sound = {"image": _TEXT, "timeout": 10**7} if is_generate else _document(draw)
    body = json.dumps(_changed(draw, sound)).encode()
    if draw(st.integers(0, 3)) == 0:
        body = draw(damaged(st.just(body)))
    length = None if is_generate else draw(_LENGTHS)
    headers = {} if length is None else {"Inference-Header-Content-Length": length}
    return HttpRequest(f"/v2/models/{model}/{'generate' if is_generate else 'infer'}", body, headers)


@st.composite
def binary_requests(draw: st.DrawFn, model: str) -> HttpRequest:
    """A call of `infer` with the tensor after the JSON and wrong lengths, sizes or counts."""
    elements = draw(st.just(_ELEMENT) | damaged(st.just(_ELEMENT)) | st.binary(max_size=40))
    sizes = st.just(len(elements)) | st.sampled_from((0, 1, -1, 2**31, 2**32, 2**63)) | _ODD
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": draw(st.lists(st.sampled_from((0, 1, 1, 1, 2, -1, 17, 2**32, 2**32 + 1, 2**62)), max_size=3)),
        "parameters": {"binary_data_size": draw(sizes)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    return HttpRequest(
        f"/v2/models/{model}/infer", head + elements, {"Inference-Header-Content-Length": str(len(head))}
    )


@st.composite
def grpc_requests(draw: st.DrawFn, model: str) -> GrpcRequest:
    """A call of `ModelInfer` with odd fields, sometimes with damaged bytes."""
    words = st.sampled_from(_WORDS)
    dims = st.lists(st.sampled_from((1, 1, 1, 0, -1, 2, 17, 2**31, 2**32, 2**32 + 1, 2**62, -(2**63))), max_size=4)
    raw = st.just(_ELEMENT) | damaged(st.just(_ELEMENT)) | st.binary(max_size=40)
    tensors = [
        service_pb2.ModelInferRequest.InferInputTensor(
            name=draw(st.just("image") | words), datatype=draw(st.just("BYTES") | words), shape=draw(dims)
        )
        for _ in range(draw(st.sampled_from((1, 1, 1, 0, 2))))
    ]
    if tensors:
        contents = st.lists(st.just(_FILE) | st.binary(max_size=9), max_size=draw(st.sampled_from((0, 3))))
        tensors[0].contents.bytes_contents.extend(draw(contents))
    message = service_pb2.ModelInferRequest(
        model_name=model,
        model_version=draw(st.sampled_from(("", "", "", "1", "0", "99", "x"))),
        id=draw(st.just("") | words),
        inputs=tensors,
        raw_input_contents=draw(st.lists(raw, max_size=2)),
    ).SerializeToString()
    return GrpcRequest(draw(damaged(st.just(message))) if draw(st.integers(0, 4)) == 0 else message)
