"""What `scripts/serve` prints when the server is ready: a sample answer, the addresses and a command to try."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from cronnx import Client, CronnxError, Retry
from cronnx_server.answers import PICTURE, described
from cronnx_server.model_spec import Task
from cronnx_server.paths import ROOT
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses


def report(
    addresses: Addresses,
    image_models: Mapping[str, Task],
    *,
    key: Key | None = None,
    playground_url: str | None = None,
) -> str:
    """The start's report: an answer, the addresses and where the key is.

    The answer is that of the first classifier, or of the first ensemble if there is none: a classifier has one for any
    photograph.
    """
    first = next((name for name, task in image_models.items() if task is Task.CLASSIFICATION), None)
    first = first or next(iter(image_models), None)
    lines = [_answer(addresses, first, image_models[first]), ""] if first else []
    lines += [f"HTTP     {addresses.http}", f"gRPC     {addresses.grpc}", f"metrics  {addresses.metrics}"]
    if playground_url:
        lines.append(f"page     {playground_url}")
    if key:
        lines.append(f"key      {key.source} (needed to change models: SECURITY.md)")
    if first:
        lines += ["", curl(addresses.http, first)]
    return "\n".join(lines)


def _answer(addresses: Addresses, model_name: str, task: Task) -> str:
    # Over HTTP, because gRPC would use a proxy of the environment; once, because a server that died must be restarted.
    with Client(addresses.http, retry=Retry(attempts=1)) as client:
        try:
            return answered(client, model_name, task)
        except CronnxError as error:
            return f"{PICTURE.relative_to(ROOT)}: no answer: {error}"


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
