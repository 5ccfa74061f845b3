"""`scripts/bench --metrics-cost` in a short form. The figures are not tested."""

from __future__ import annotations

import re

from cronnx_lab.bench.variants import (
    METRICS_VARIANTS,
    NO_METRICS,
    SCRAPED,
    VariantLoad,
    table,
)

LOAD = VariantLoad(model="efficientnet_lite0", picture="tiny", concurrency=2, rounds=1, seconds=0.2)


def test_each_variant_is_compared_with_the_first() -> None:
    first, other = NO_METRICS, SCRAPED
    variants = {name: METRICS_VARIANTS[name] for name in (first, other)}
    _, compared, with_others = table(variants, LOAD, what="variant").splitlines()
    assert re.fullmatch(rf"{first} +\d+\.\d( +1\.000 \(1\.000 to 1\.000\)){{2}}", compared)
    assert re.fullmatch(rf"{other} +\d+\.\d( +\d+\.\d+ \(\d+\.\d+ to \d+\.\d+\)){{2}}", with_others)
