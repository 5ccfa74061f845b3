from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx._run_lengths import run_lengths


def decoded(encoded: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """COCO's decoder, `rleFrString` and `rleDecode` of its maskApi.c."""
    counts: list[int] = []
    position, text = 0, encoded["counts"]
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            group = ord(text[position]) - 48
            value |= (group & 0x1F) << shift
            more = bool(group & 0x20)
            position, shift = position + 1, shift + 5
            if not more and group & 0x10:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    height, width = encoded["size"]
    flat = np.concatenate([np.full(count, number % 2 == 1) for number, count in enumerate(counts)])
    return flat.reshape(width, height).T


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (300, 200), (1, 40), (40, 1)])
def test_a_mask_is_read_back_by_cocos_decoder(share: float, size: tuple[int, int]) -> None:
    mask = np.random.default_rng(1).random(size[::-1]) < share
    assert (decoded(run_lengths(mask, size=size)) == mask).all()


@pytest.mark.parametrize(("left", "top", "shape"), [(0, 0, (6, 9)), (3, 0, (6, 4)), (2, 1, (3, 4)), (8, 5, (1, 1))])
def test_a_part_lies_where_it_begins(left: int, top: int, shape: tuple[int, int]) -> None:
    part = np.random.default_rng(2).random(shape) < 0.7
    whole = np.zeros((6, 9), np.bool_)
    whole[top : top + shape[0], left : left + shape[1]] = part
    assert run_lengths(part, size=(9, 6), left=left, top=top) == run_lengths(whole, size=(9, 6))
    assert (decoded(run_lengths(whole, size=(9, 6))) == whole).all()


def test_the_text_is_cocos() -> None:
    mask = np.zeros((4, 5), np.bool_)
    mask[1:3, 1:4] = True  # 5 pixels outside, 2 inside, 2 outside, 2, 2, 2, 5; from the fourth on as differences
    assert run_lengths(mask, size=(5, 4)) == {"size": [4, 5], "counts": "5220003"}
