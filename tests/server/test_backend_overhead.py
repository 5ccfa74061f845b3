from __future__ import annotations

import subprocess
import sys

from cronnx_lab.bench.backend_overhead import measure
from cronnx_server.paths import ROOT


def test_each_size_is_measured_served_and_in_process() -> None:
    measured = list(measure(batch_sizes=(1, 2), row_bytes=(64,)))
    assert [(each.batch_size, each.row_bytes) for each in measured] == [(1, 64), (2, 64)]
    assert all(each.served_us > 0 and each.in_process_us > 0 for each in measured)


def test_a_model_that_is_not_built_is_named_in_one_line() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "--backend-overhead", "--model", "nonesuch"]
    ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.endswith("nonesuch_onnx/1/model.onnx; build it with scripts/build_models nonesuch\n")
    assert ended.stderr.count("\n") == 1
