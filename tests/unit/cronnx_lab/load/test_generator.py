from __future__ import annotations

import os

import pytest

from cronnx_lab.load import generator
from cronnx_lab.servers import Family
from cronnx_server.errors import SetupError

OURSELVES = Family([os.getpid()])


def test_what_it_writes_comes_back_with_what_it_took() -> None:
    output, usage = generator.run(
        ["sh", "-c", "cat; n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done"], family=OURSELVES, stdin="an order"
    )
    assert output == "an order"
    assert usage.generator_cpu_s > 0
    assert usage.pss_bytes > 0


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo all is well; echo why it failed >&2; exit 1", "why it failed"),
        ("echo 'Error: no such option' >&2; echo usage >&2; exit 1", "Error: no such option"),
        ("echo only this; exit 3", "only this"),
        ("exit 3", "no reason given"),
    ],
)
def test_one_that_fails_is_named_with_the_cause(script: str, cause: str) -> None:
    with pytest.raises(SetupError, match=f"the load generator sh failed: {cause}$"):
        generator.run(["sh", "-c", script], family=OURSELVES)
