"""A run's numbers, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from cronnx_lab.loadtest.thresholds import Seen, Verdict


def as_json(seen: Mapping[str, Seen], alone_ms: Mapping[str, float], verdicts: Sequence[Verdict]) -> bytes:
    """By model what it has done, latencies in ms, answers by arm; and every verdict."""
    models = {name: {**asdict(each), "alone_ms": alone_ms[name]} for name, each in seen.items()}
    report = {"models": models, "verdicts": [asdict(verdict) for verdict in verdicts]}
    return json.dumps(report, indent=2).encode()
