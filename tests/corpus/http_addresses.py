"""Wrong requests to `generate`, and requests to paths that do not exist."""

from __future__ import annotations

import json

from cronnx_lab.fuzz.requests import HttpRequest
from tests.corpus.http_requests import ABSENT, FILE, GENERATE, INFER, MISREAD, NO_JSON, TEXT, elsewhere, generate
from tests.corpus.malformed import MODEL, Malformed

GENERATED = [
    generate("no image", ABSENT, "expected 1 inputs but got 0 inputs"),
    generate("null", None, "Unable to parse JSON bytes array", MISREAD),
    generate("a number", 7, "Unable to parse JSON bytes array", MISREAD),
    generate("a boolean", True, "Unable to parse JSON bytes array", MISREAD),
    generate("an object", {"b64": TEXT}, "Unable to parse JSON bytes array", MISREAD),
    generate("an empty array", [], "expected 1 string elements"),
    generate("an array of one", [TEXT], "", status=200),
    generate("an array of two", [TEXT, TEXT], "", 200),
    generate("an array of numbers", [255, 216], "Unable to parse JSON bytes array", MISREAD),
    generate("arrays in arrays", [[[TEXT]]], "", 200),
    generate("an empty text", "", "image[0]: expected an image file, got 0 bytes"),
    Malformed(
        "generate: a NUL in a key", HttpRequest(GENERATE, b'{"\\u0000": 1}'), MISREAD, "parameter key '' was not found"
    ),
    Malformed("generate: no JSON", HttpRequest(GENERATE, b"\xff\xd8\xff"), MISREAD, NO_JSON),
    Malformed("generate: no body", HttpRequest(GENERATE), MISREAD, NO_JSON),
    Malformed("generate: an array", HttpRequest(GENERATE, b"[]"), MISREAD, "attempt to get members for non-object"),
    Malformed("generate: the picture itself", HttpRequest(GENERATE, FILE), MISREAD, NO_JSON),
    Malformed(
        "generate: a key twice",
        HttpRequest(GENERATE, b'{"image": "x", "image": "y"}'),
        400,
        "input 'image' already exists in request",
    ),
    Malformed(
        "generate: a wrong key",
        HttpRequest(GENERATE, json.dumps({"picture": TEXT}).encode()),
        400,
        "expected 1 inputs but got 0 inputs",
    ),
    Malformed(
        "generate_stream: no image", HttpRequest(f"{GENERATE}_stream", b"{}"), 400, "expected 1 inputs but got 0 inputs"
    ),
]


ADDRESSES = [
    elsewhere("an unknown model", "/v2/models/none/infer", "Request for unknown model: 'none' is not found", 404),
    elsewhere(
        "a name of another case",
        f"/v2/models/{MODEL.upper()}/infer",
        "Request for unknown model: 'EFFICIENTNET_LITE0' is not found",
        404,
    ),
    elsewhere(
        "a version that is not there",
        f"/v2/models/{MODEL}/versions/99/infer",
        "Request for unknown model: 'efficientnet_lite0' version 99 is not found",
        404,
    ),
    elsewhere("a version below zero", f"/v2/models/{MODEL}/versions/-1/infer", "Not Found", 404),
    elsewhere(
        "version 0",
        f"/v2/models/{MODEL}/versions/0/infer",
        "Request for unknown model: 'efficientnet_lite0' version 0 is not found",
        404,
    ),
    elsewhere("a version that is no number", f"/v2/models/{MODEL}/versions/latest/infer", "Not Found", 404),
    elsewhere(
        "a version of 2^70",
        f"/v2/models/{MODEL}/versions/{2**70}/infer",
        "failed to get model version from specified version string '1180591620717411303424'",
        400,
    ),
    elsewhere("a path out of the repository", "/v2/models/../../etc/passwd/infer", "Not Found", 404),
    elsewhere(
        "a path out of it, encoded",
        "/v2/models/%2e%2e%2f%2e%2e/infer",
        "Request for unknown model: '%2e%2e%2f%2e%2e' is not found",
        404,
    ),
    elsewhere("a name of 300 letters", f"/v2/models/{'x' * 300}/infer", "Request for unknown model", 404),
    elsewhere("an unknown verb of a model", f"/v2/models/{MODEL}/predict", "Not Found", 404),
    elsewhere("an unknown path", "/predict", "Not Found", 404),
    elsewhere("the root", "/", "Not Found", 404, "GET"),
    elsewhere("infer by GET", INFER, "Method Not Allowed", 405, "GET"),
    elsewhere("infer by DELETE", INFER, "Method Not Allowed", 405, "DELETE"),
    elsewhere("a method that is none", INFER, "Method Not Allowed", 405, "BREW"),
]
