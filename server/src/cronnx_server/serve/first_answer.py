"""What `scripts/serve` prints when the server is ready: a classified image, the addresses and a command to try."""

from __future__ import annotations

import time
from collections.abc import Iterable

from cronnx import Client, CronnxError
from cronnx_server.paths import PICTURES, ROOT
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses

PICTURE = PICTURES / "coffee.jpg"


def report(addresses: Addresses, classifiers: list[str], *, key: Key | None = None) -> str:
    """The start's report: an answer of the first of these ensembles, the addresses and where the key is."""
    lines = [_answer(addresses, classifiers[0]), ""] if classifiers else []
    lines += [f"HTTP     {addresses.http}", f"gRPC     {addresses.grpc}", f"metrics  {addresses.metrics}"]
    if key:
        lines.append(f"key      {key.source} (needed to change models: SECURITY.md)")
    if classifiers:
        lines += ["", curl(addresses.http, classifiers[0])]
    return "\n".join(lines)


def _answer(addresses: Addresses, model_name: str) -> str:
    with Client(addresses.http) as client:  # gRPC would use a proxy of the environment
        try:
            return classified(client, model_name)
        except CronnxError as error:
            return f"{PICTURE.relative_to(ROOT)}: no answer: {error}"


def classified(client: Client, model_name: str) -> str:
    """Classify the sample image and return the answer as text.

    Raises:
        CronnxError: There is no answer.
    """
    start = time.perf_counter()
    answer = client.classify(PICTURE, model_name=model_name)
    milliseconds = 1000 * (time.perf_counter() - start)
    return shown(
        f"{answer.served_by} in {milliseconds:.0f} ms", [f"{each.score:6.1%}  {each.label}" for each in answer.top]
    )


def shown(by: str, lines: Iterable[str]) -> str:
    """The answer for the sample image as text, below the model that gave it."""
    return "\n".join((f"{PICTURE.relative_to(ROOT)} by {by}", *(f"  {line}" for line in lines)))


def curl(url: str, model_name: str) -> str:
    """The shell command that sends the sample image to an ensemble of the server at `url`."""
    body = f"""(printf '{{"image": "'; base64 -w0 {PICTURE.relative_to(ROOT)}; printf '"}}')"""
    return f"{body} | curl -H 'Content-Type: application/json' -d @- {url}/v2/models/{model_name}/generate"
