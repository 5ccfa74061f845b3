"""Which metrics a server keeps: docs/metrics.md."""

from __future__ import annotations

# Quantiles of the last minute, each with the error of its rank that is allowed.
LATENCY_SUMMARIES = (
    "--metrics-config=summary_latencies=true",
    "--metrics-config=summary_quantiles=0.5:0.01,0.95:0.005,0.99:0.001",
)
