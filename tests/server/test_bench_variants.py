"""`scripts/bench --metrics-cost` and `--profile` in their shortest form: that they measure, not what comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from cronnx_lab.bench import profiles
from cronnx_lab.bench.metrics_cost import KINDS, NONE, SCRAPED
from cronnx_lab.bench.variants import Kind, Load, table

LOAD = Load(model="efficientnet_lite0", picture="tiny", concurrency=2, rounds=1, seconds=0.2)


@pytest.mark.parametrize(
    "kinds",
    [{kind: KINDS[kind] for kind in (NONE, SCRAPED)}, profiles.kinds(["cuda"])],
    ids=["metrics", "profiles"],
)
def test_each_kind_is_compared_with_the_first(kinds: Mapping[str, Kind]) -> None:
    first, other = kinds
    _, compared, with_others = table(kinds, LOAD, what="kind").splitlines()
    assert re.fullmatch(rf"{first} +\d+\.\d( +1\.000 \(1\.000 to 1\.000\)){{2}}", compared)
    assert re.fullmatch(rf"{other} +\d+\.\d( +\d+\.\d+ \(\d+\.\d+ to \d+\.\d+\)){{2}}", with_others)
