"""Bodies that are not JSON or not the JSON of a request."""

from __future__ import annotations

import json

from tests.corpus.http_requests import MISREAD, NO_JSON, NO_PICTURE, ONE_SOURCE, TENSOR, document, infer

JSON = [
    infer("no body", b"", "image[0]: expected an image file, got 0 bytes"),
    infer("no JSON", b"hello", NO_JSON, MISREAD),
    infer("a form", b"image=x&model=y", NO_JSON, MISREAD),
    infer("JSON cut short", document(TENSOR)[:-20], NO_JSON, MISREAD),
    infer("a comma too much", document(TENSOR).replace(b"]}", b"],}"), NO_JSON, MISREAD),
    infer("two documents", document(TENSOR) * 2, NO_JSON, MISREAD),
    infer("no UTF-8", document(TENSOR).replace(b"image", b"im\xff\xfege"), "unexpected inference input"),
    infer(
        "no UTF-8 in the data",
        document({**TENSOR, "data": ["X"]}).replace(b'"X"', b'"\xc3\x28\xff"'),
        NO_PICTURE,
    ),
    infer("UTF-16", document(TENSOR).decode().encode("utf-16"), NO_JSON, MISREAD),
    infer(
        "half a surrogate",
        document({**TENSOR, "data": ["X"]}).replace(b"X", b"\\ud800"),
        NO_JSON,
        MISREAD,
    ),
    infer(
        "a NUL in the data",
        document({**TENSOR, "data": ["\0"]}),
        NO_PICTURE,
    ),
    infer("an array", b"[]", "Unable to parse 'inputs'", MISREAD),
    infer("null", b"null", "Unable to parse 'inputs'", MISREAD),
    infer("a number", b"1", "Unable to parse 'inputs'", MISREAD),
    infer("NaN", document(TENSOR).replace(b"[1, 1]", b"[NaN, 1]"), "Unable to parse 'shape'", MISREAD),
    infer("brackets, a thousand deep", b"[" * 1000 + b"]" * 1000, "Unable to parse 'inputs'", MISREAD),
    infer("no inputs", b"{}", "Unable to parse 'inputs'", MISREAD),
    infer("inputs null", b'{"inputs": null}', "Unable to parse 'inputs'", MISREAD),
    infer("inputs an object", json.dumps({"inputs": TENSOR}).encode(), "Unable to parse 'inputs'", MISREAD),
    infer("inputs empty", document(), "expected 1 inputs but got 0 inputs"),
    infer(
        "inputs of numbers",
        document(1, 2),
        ONE_SOURCE,
    ),
    infer(
        "inputs of null",
        document(None),
        ONE_SOURCE,
    ),
    infer("the input twice", document(TENSOR, TENSOR), "input 'image' already exists in request"),
    infer("an input too many", document(TENSOR, {**TENSOR, "name": "mask"}), "expected 1 inputs but got 2 inputs"),
    infer(
        "outputs that are none", document(TENSOR, outputs=[{"name": "boxes"}]), "unexpected inference output 'boxes'"
    ),
    infer("outputs a text", document(TENSOR, outputs="label"), "Unable to parse 'outputs'", MISREAD),
    infer("outputs without a name", document(TENSOR, outputs=[{}]), "Unable to parse 'name'", MISREAD),
    infer("outputs, one twice", document(TENSOR, outputs=[{"name": "label"}] * 2), "", 200),
    infer("parameters a text", document(TENSOR, parameters="fast"), "failed to get request params", MISREAD),
    infer(
        "parameters nested",
        document(TENSOR, parameters={"a": {"b": 1}}),
        "parameter 'a' has invalid type. It should be either 'int', 'bool', or 'string'",
    ),
    infer(
        "a timeout that is a text",
        document(TENSOR, parameters={"timeout": "soon"}),
        "Unable to parse 'timeout'",
        MISREAD,
    ),
    infer(
        "a priority below zero", document(TENSOR, parameters={"priority": -1}), "Unable to parse 'priority'", MISREAD
    ),
    infer("an id that is a number", document(TENSOR, id=7), "Unable to parse 'id'", MISREAD),
    infer(
        "a classification of text",
        document(TENSOR, outputs=[{"name": "score", "parameters": {"classification": "many"}}]),
        "Unable to set 'classification'",
        MISREAD,
    ),
]
