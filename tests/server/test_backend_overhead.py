from __future__ import annotations

from benchmarks.backend_overhead import measure


def test_each_size_is_measured_served_and_in_process() -> None:
    measured = list(measure(batch_sizes=(1, 2), row_bytes=(64,)))
    assert [(each.batch_size, each.row_bytes) for each in measured] == [(1, 64), (2, 64)]
    assert all(each.served_us > 0 and each.in_process_us > 0 for each in measured)
