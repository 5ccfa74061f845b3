from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("as_on_windows.py")


def test_the_client_needs_nothing_that_windows_lacks(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM)]
    environment = {**os.environ, "COLUMNS": "200"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    files, second_run, shared_memory, said, status = ended.stdout.splitlines()
    assert files == "['results.json']"
    assert second_run.startswith("answers.jsonl: another run is writing this file")
    assert shared_memory == "shared_memory: expected Linux, got win32; leave shared_memory out"
    assert said.startswith("cronnx ")
    assert status == "0"
