"""What the user sees when the server is up: one picture classified, and where to go on."""

from __future__ import annotations

import time

from cronnx import Client, CronnxError
from local_server.addresses import Addresses
from local_server.paths import PICTURES, ROOT

PICTURE = PICTURES / "coffee.jpg"


def report(addresses: Addresses, classifiers: list[str]) -> str:
    """The first answer of the first of these ensembles, and the addresses, as text."""
    lines = [_answer(addresses, classifiers[0]), ""] if classifiers else []
    lines += [f"HTTP     {addresses.http}", f"gRPC     {addresses.grpc}", f"metrics  {addresses.metrics}"]
    if classifiers:
        lines += ["", _curl(addresses, classifiers[0])]
    return "\n".join(lines)


def _answer(addresses: Addresses, model_name: str) -> str:
    picture = PICTURE.relative_to(ROOT)
    with Client(addresses.http) as client:  # over gRPC a proxy of the environment's would be asked first
        start = time.perf_counter()
        try:
            answer = client.classify(PICTURE, model_name=model_name)
        except CronnxError as error:
            return f"{picture}: no answer: {error}"
        milliseconds = 1000 * (time.perf_counter() - start)
    scored = "\n".join(f"  {each.score:6.1%}  {each.label}" for each in answer.top)
    return f"{picture} by {answer.served_by} in {milliseconds:.0f} ms\n{scored}"


def _curl(addresses: Addresses, model_name: str) -> str:
    picture = PICTURE.relative_to(ROOT)
    body = f"""(printf '{{"image": "'; base64 -w0 {picture}; printf '"}}')"""
    return f"{body} | curl -d @- {addresses.http}/v2/models/{model_name}/generate"
