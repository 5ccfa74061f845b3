"""A sample answer of a server, and the command that asks for it."""

from __future__ import annotations

import time

import numpy as np

from cronnx import Client
from cronnx_server.answers import PICTURE, described
from cronnx_server.model_spec import Task
from cronnx_server.paths import ROOT


def answered(client: Client, model_name: str, task: Task) -> str:
    """Ask an ensemble about the sample photograph and return the answer as text.

    Raises:
        CronnxError: There is no answer.
    """
    image = np.array([[PICTURE.read_bytes()]], dtype=object)
    start = time.perf_counter()
    outputs = client.infer(model_name, {"image": image})
    milliseconds = 1000 * (time.perf_counter() - start)
    return described(outputs, task, origin=f"in {milliseconds:.0f} ms")


def curl(url: str, model_name: str) -> str:
    """The shell command that sends the sample image to an ensemble of the server at `url`."""
    body = f"""(printf '{{"image": "'; base64 -w0 {PICTURE.relative_to(ROOT)}; printf '"}}')"""
    return f"{body} | curl -H 'Content-Type: application/json' -d @- {url}/v2/models/{model_name}/generate"
