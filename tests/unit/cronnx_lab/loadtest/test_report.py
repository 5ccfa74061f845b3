from __future__ import annotations

import json

from cronnx_lab.loadtest.report import as_json
from cronnx_lab.loadtest.thresholds import Seen, Verdict


def test_a_report_has_what_each_model_did_and_every_verdict() -> None:
    seen = {"toy": Seen(requests=3, answers={"toy/1": 2}, p95_ms=20.0, p99_ms=30.0)}
    assert json.loads(as_json(seen, {"toy": 10.0}, [Verdict(False, "1 of 3")])) == {
        "models": {"toy": {"requests": 3, "answers": {"toy/1": 2}, "p95_ms": 20.0, "p99_ms": 30.0, "alone_ms": 10.0}},
        "verdicts": [{"holds": False, "sentence": "1 of 3"}],
    }
