from __future__ import annotations

import pytest

from cronnx_onnxruntime.shares import shares


@pytest.mark.parametrize(
    ("sizes", "threads", "cut"),
    [
        ([], 2, []),
        ([1], 2, ["a"]),
        ([1, 1], 2, ["a", "b"]),
        ([1] * 3, 16, ["a", "b", "c"]),
        ([1] * 4, 1, ["ab", "cd"]),
        ([1] * 6, 2, ["ab", "c", "de", "f"]),
        ([1] * 7, 2, ["ab", "cd", "ef", "g"]),
        ([1] * 16, 1, ["abcd", "efgh", "ijkl", "mnop"]),
        ([1] * 16, 2, ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op"]),
        ([8, 1, 1], 2, ["aa", "aa", "a", "aa", "ab", "c"]),
        ([3, 4], 2, ["aa", "ab", "bb", "b"]),
        ([16], 2, ["aa"] * 8),
        ([64], 2, ["a" * 8] * 8),
        ([2], 2, ["a", "a"]),
        ([15], 16, ["a" * 15]),
        ([0, 0], 2, ["a", "b"]),
    ],
)
def test_a_batch_is_cut_into_runs_of_about_equal_size(sizes: list[int], threads: int, cut: list[str]) -> None:
    runs = shares(sizes, threads)
    assert ["".join("abcdefghijklmnop"[index] * count(rows) for index, rows in run) for run in runs] == cut


@pytest.mark.parametrize("sizes", [[16], [8, 1, 1], [3, 4, 5], [1, 0, 1]])
def test_every_row_is_in_one_run(sizes: list[int]) -> None:
    taken = [(index, row) for run in shares(sizes, 2) for index, rows in run for row in range(sizes[index])[rows]]
    assert taken == [(index, row) for index, size in enumerate(sizes) for row in range(size)]


def count(rows: slice) -> int:
    return int(rows.stop - rows.start)
