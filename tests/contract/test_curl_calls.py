"""Every documented call with a body says that it is no form, as `curl -d` alone says: that can crash Triton."""

from __future__ import annotations

import json
import re

from cronnx_server.paths import ROOT
from cronnx_server.serve.first_answer import curl
from tests.contract.configs import tracked

# A command ends with its line, at a pipe or at a backtick; a line may go on after a backslash.
CALL = re.compile(r"\bcurl (?:[^\n|`\\]|\\\n|\\.)*")
BODY = re.compile(r" (-d|--data|--data-\w+|--json|-F|--form)\b")
JSON = re.compile(r"-H ['\"]Content-Type: application/json['\"]")
BYTES = re.compile(r"-H ['\"]Content-Type: application/octet-stream['\"].* --data-binary ", re.DOTALL)
TEXTS = [
    path
    for path in tracked("**/*.md", "**/*.py", "**/*.txt", "**/*.yaml", "**/*.yml", "scripts/*")
    if not path.is_relative_to(ROOT / "tests")
]


def with_body(text: str) -> list[str]:
    return [call for call in CALL.findall(text) if "/v2/" in call and BODY.search(call)]


def test_every_curl_call_with_a_body_declares_json_or_bytes() -> None:
    calls = [(path.name, call) for path in TEXTS for call in with_body(path.read_text("latin-1"))]
    assert len(calls) >= 10
    assert [(name, call) for name, call in calls if not JSON.search(call) and not BYTES.search(call)] == []


def test_a_call_without_the_header_is_found() -> None:
    (call,) = with_body("curl -s -d @request.json localhost:8000/v2/models/any/generate | jq .")
    assert not JSON.search(call)


def test_the_printed_call_declares_json() -> None:
    assert JSON.search(curl("http://127.0.0.1:8000", "any"))


def test_every_body_of_the_api_description_is_json() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    calls = [call for path in paths.values() for call in path.values() if isinstance(call, dict)]
    assert {name for call in calls for name in call.get("requestBody", {}).get("content", {})} == {"application/json"}
