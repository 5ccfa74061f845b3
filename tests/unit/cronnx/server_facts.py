"""The JSON with which these tests' servers describe their models."""

from __future__ import annotations

from typing import Any

from tests.unit.cronnx.answers import config

NAME = "efficientnet_lite0"

INDEX: list[dict[str, Any]] = [
    {"name": NAME, "version": "1", "state": "READY"},
    {"name": "mobilenet", "version": "3", "state": "UNAVAILABLE", "reason": "unloaded"},
    {"name": "resnet"},
]
CONFIG: dict[str, Any] = {"name": NAME, "backend": "python", **config()}
METADATA: dict[str, Any] = {
    "name": NAME,
    "versions": ["1"],
    "platform": "ensemble",
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1, 1]}],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 5]}],
}
STATISTICS: dict[str, Any] = {
    "name": NAME,
    "version": "1",
    "last_inference": 1700000000123,
    "inference_count": 12,
    "execution_count": 7,
    "inference_stats": {
        "success": {"count": 10, "ns": 5_000_000_000},
        "fail": {"count": 2, "ns": 300},
        "queue": {"count": 10, "ns": 40},
        "compute_input": {"count": 10, "ns": 50},
        "compute_infer": {"count": 10, "ns": 60},
        "compute_output": {"count": 10, "ns": 70},
    },
    "batch_stats": [
        {"batch_size": 1, "compute_infer": {"count": 5, "ns": 1}},
        {"batch_size": 4, "compute_infer": {"count": 2, "ns": 1}},
    ],
}
