from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cronnx import Client, InvalidInput
from tests.unit.cronnx.http_triton import serve_http

PATH = "../../health/live?"

CALLS: dict[str, Callable[[Client], object]] = {
    "classify": lambda client: client.classify(b"cat", model_name=PATH),
    "classify a list": lambda client: client.classify([b"cat"], model_name=PATH),
    "infer": lambda client: client.infer(PATH, {"image": np.array([[b"cat"]], dtype=object)}),
    "model": lambda client: client.model(PATH),
    "is_ready": lambda client: client.is_ready(PATH),
    "load": lambda client: client.load(PATH),
    "unload": lambda client: client.unload(PATH),
    "promote": lambda client: client.promote(PATH, "1"),
    "rollback": lambda client: client.rollback(PATH),
    "split": lambda client: client.split(PATH, {"1": 1.0}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_call_sends_a_path_in_place_of_a_name(call: Callable[[Client], object]) -> None:
    with serve_http() as triton, Client(f"http://{triton.address}") as client:
        with pytest.raises(InvalidInput, match="expected a name, not a path"):
            call(client)
        assert not triton.headers
