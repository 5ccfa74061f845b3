"""Nothing is reported about models and machines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Each suppresses ONNX Runtime's telemetry; a server in production has none of them.
SUPPRESSING = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")


@pytest.mark.parametrize(("module", "keeps_reports"), [("onnxruntime", True), ("cronnx_onnxruntime.runner", False)])
def test_onnx_runtime_keeps_reports_unless_the_backend_loads_it(
    tmp_path: Path, module: str, *, keeps_reports: bool
) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in SUPPRESSING}
    program = f"import {module}, onnxruntime; onnxruntime.get_available_providers()"
    subprocess.run([sys.executable, "-c", program], env={**environ, "HOME": str(tmp_path)}, check=True, timeout=60)
    assert any(tmp_path.rglob("onnxruntime.db")) is keeps_reports
