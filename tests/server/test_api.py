"""The commands of docs/api.md, and docs/openapi.json by Schemathesis, against a real server.

Schemathesis calls two of the ensembles, one with and one without an A/B test: the others differ only in their names.
It leaves out the calls that change the server, because other tests share it: loads, logs and traces.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cronnx_server.paths import ROOT
from tests.server.conftest import Served

PAGE = (ROOT / "docs" / "api.md").read_text()
STAND_INS = re.compile(r"/models/(yolo11n|segformer)/")  # test_answers.py runs their commands
COMMANDS = [
    command
    for command in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if not STAND_INS.search(command)
]
DESCRIPTION = schemathesis.openapi.from_dict(json.loads((ROOT / "docs" / "openapi.json").read_text()))
CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]
OTHER_ENSEMBLES = r"/v2/models/(?!efficientnet_lite0(_ab)?/|stats$|\{)"
EXAMPLES = 12

# Triton 24.10 answers 500 to a body that is not JSON or has other types than described.
UNPARSED = re.compile(r"failed to parse the request JSON|Unable to parse|attempt to (get|access)|parameter key")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.splitlines()[-1][:60])
def test_a_command_of_the_page_is_answered(command: str, served: Served, tmp_path: Path) -> None:
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    asked = command.replace("localhost:8000", f"localhost:{served.addresses.http_port}")
    ended = subprocess.run(
        ["bash", "-euc", asked], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert '{"error":' not in ended.stdout


def test_every_call_of_the_description_is_on_the_page() -> None:
    called = {re.sub(r"efficientnet\w+", "{}", path) for path in re.findall(r"localhost:8000(/\S+)", PAGE)}
    described = {
        re.sub(r"\{model_name\}|(?<=models/)(?!stats)\w+", "{}", path) for path in DESCRIPTION.raw_schema["paths"]
    }
    assert described <= called


@DESCRIPTION.exclude(tag="control").exclude(path_regex=OTHER_ENSEMBLES).parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_answer_is_outside_the_description(case: schemathesis.Case, served: Served) -> None:
    case.body = as_written(case.body)
    answer = case.call(base_url=served.addresses.http)
    case.validate_response(answer, checks=CONFORMANCE)
    if answer.status_code >= 500:
        assert is_malformed(case), f"{answer.status_code} to a request that is as described"
        assert UNPARSED.search(answer.json()["error"])


def is_malformed(case: schemathesis.Case) -> bool:
    """Return whether Schemathesis made the request to violate the description."""
    return case.meta is not None and case.meta.generation.mode == GenerationMode.NEGATIVE


def as_written(body: Any) -> Any:
    """Return a body with 1 for 1.0: equal in JSON Schema, but Triton refuses 1.0 and programs write 1."""
    if isinstance(body, dict):
        return {name: as_written(value) for name, value in body.items()}
    if isinstance(body, list):
        return [as_written(value) for value in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body
