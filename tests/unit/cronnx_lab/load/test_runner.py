from __future__ import annotations

import os

import pytest

from cronnx_lab.errors import MeasurementError
from cronnx_lab.load import runner
from cronnx_lab.load.answers import Order
from cronnx_lab.servers import ProcessTree

OURSELVES = ProcessTree([os.getpid()])


def test_the_output_comes_back_with_what_the_generator_used() -> None:
    output, usage = runner.run(
        ["sh", "-c", "cat; n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done"], processes=OURSELVES, stdin="an order"
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
def test_a_generator_that_fails_is_named_with_the_cause(script: str, cause: str) -> None:
    with pytest.raises(MeasurementError, match=f"the load generator sh failed: {cause}$"):
        runner.run(["sh", "-c", script], processes=OURSELVES)


def test_a_server_that_is_not_there_fails_the_projects_generator() -> None:
    with pytest.raises(MeasurementError, match=r"failed: .*Connect"):
        runner.generate(Order([("127.0.0.1", 1)], [os.devnull], seconds=0.1, concurrency=1), OURSELVES)
