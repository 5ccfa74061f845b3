from __future__ import annotations

import re
from pathlib import Path

from cronnx_router import Metrics, Options
from cronnx_router.metrics import ShadowOutcome
from cronnx_router.options import PARAMETERS
from tests.unit.cronnx_router.conftest import SHADOW, STABLE, Port

README = (Path(__file__).parents[3] / "router_backend" / "README.md").read_text()


def test_every_parameter_is_explained() -> None:
    parameters, _ = README.split("## Who gets which arm")
    assert re.findall(r"^\| `(\w+)` \|", parameters, re.MULTILINE) == list(PARAMETERS)


def test_every_metric_is_explained(port: Port) -> None:
    options = Options(weights={STABLE: 1}, shadow=SHADOW, inputs=("pixels",), outputs=("class_id",))
    Metrics("router", options, make_family=port)
    assert set(re.findall(r"^\| `(cronnx_\w+)` \|", README, re.MULTILINE)) == {each.name for each in port.families}
    assert all(f"`{outcome.value}`" in README for outcome in ShadowOutcome)
