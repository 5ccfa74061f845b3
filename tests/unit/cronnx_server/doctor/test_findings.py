from __future__ import annotations

import json
from pathlib import Path

from cronnx_server.doctor import findings
from cronnx_server.doctor.findings import error, warning
from cronnx_server.doctor.machine import SHARED_MEMORY

HERE = Path("/project")
FOUND = {
    "batching": [warning(HERE / "models" / "a", "is slow", "Change it.")],
    "wiring": [error(HERE / "models" / "b", "differs from /project/models/a", "See /project/models/a.")],
    "machine": [error(SHARED_MEMORY, "is small", "Enlarge it.")],
}


def test_errors_come_first_with_paths_from_here_and_a_count_last() -> None:
    assert findings.as_text(FOUND, models=1, here=HERE).splitlines() == [
        "error    /dev/shm: is small",
        "         Enlarge it.",
        "error    models/b: differs from models/a",
        "         See models/a.",
        "warning  models/a: is slow",
        "         Change it.",
        "1 model: 2 errors, 1 warning",
    ]


def test_nothing_found_is_said() -> None:
    assert findings.as_text({"wiring": []}, models=9, here=HERE) == "9 models: 0 errors, 0 warnings"


def test_json_is_a_list_of_findings_with_their_check_and_whole_paths() -> None:
    first, *others = json.loads(findings.as_json(FOUND))
    assert first == {
        "check": "batching",
        "severity": "warning",
        "path": "/project/models/a",
        "problem": "is slow",
        "remedy": "Change it.",
    }
    assert [each["severity"] for each in others] == ["error", "error"]
