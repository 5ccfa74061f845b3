"""`scripts/bench --metrics-cost` in its shortest form: that it measures what it says, not what comes out."""

from __future__ import annotations

import re

from benchmarks.metrics_cost import KINDS, NONE, SCRAPED, table


def test_each_kind_of_metrics_is_compared_with_none() -> None:
    kinds = {kind: KINDS[kind] for kind in (NONE, SCRAPED)}
    _, none, scraped = table(
        "efficientnet_lite0", picture="tiny", concurrency=2, count=1, seconds=0.2, kinds=kinds
    ).splitlines()
    assert re.fullmatch(rf"{NONE} +\d+\.\d( +1\.000 \(1\.000 to 1\.000\)){{2}}", none)
    assert re.fullmatch(rf"{SCRAPED} +\d+\.\d( +\d\.\d+ \(\d\.\d+ to \d\.\d+\)){{2}}", scraped)
