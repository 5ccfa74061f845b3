from __future__ import annotations

import pytest

from cronnx_onnxruntime.shares import shares


@pytest.mark.parametrize(
    ("sizes", "threads", "cut"),
    [
        ([], 2, []),
        ([1], 2, [[1]]),
        ([1, 1], 2, [[1], [1]]),
        ([1] * 3, 16, [[1], [1], [1]]),
        ([1] * 4, 1, [[1, 1], [1, 1]]),
        ([1] * 7, 2, [[1, 1], [1, 1, 1], [1, 1]]),
        ([1] * 16, 1, [[1] * 4] * 4),
        ([1] * 16, 2, [[1, 1]] * 8),
        ([1] * 64, 2, [[1] * 8] * 8),
        ([8, 1, 1], 2, [[8], [1, 1]]),
        ([1, 1, 8], 2, [[1, 1], [8]]),
        ([4, 4, 4, 4], 2, [[4], [4], [4], [4]]),
        ([0, 0], 2, [[0, 0]]),
    ],
)
def test_a_batch_is_cut_between_requests(sizes: list[int], threads: int, cut: list[list[int]]) -> None:
    assert [sizes[share] for share in shares(sizes, threads)] == cut
