"""Masks as COCO's compressed run lengths.

See `encode` of https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def run_lengths(mask: npt.NDArray[np.bool_], *, size: tuple[int, int], left: int = 0, top: int = 0) -> dict[str, Any]:
    """Encode a mask.

    Args:
        mask: The mask, [height, width]; a part of the photo outside of which there is no object.
        size: The width and the height of the photo.
        left: The column of the photo at which the mask begins.
        top: The row of the photo at which the mask begins.

    Returns:
        `size`, [height, width] of the photo, and `counts`, the compressed run lengths as text.
    """
    width, height = size
    padded = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)
    padded[:, 1:-1] = mask.T
    columns, edges = np.nonzero(np.diff(padded, axis=1))
    positions = (columns + left) * height + top + edges  # runs lie in columns; starts and ends alternate
    joined = np.flatnonzero(positions[1:-1:2] == positions[2::2]) * 2 + 1  # a run that goes on in the next column
    positions = np.delete(positions, np.concatenate([joined, joined + 1]))
    counts = np.diff(np.concatenate([[0], positions, [width * height]]))
    if positions.size and positions[-1] == width * height:
        counts = counts[:-1]
    return {"size": [height, width], "counts": _compressed(counts.tolist())}


def _compressed(counts: Iterable[int]) -> str:
    counts = list(counts)
    # From the fourth on, a count is written as its difference from the one before the previous.
    values = counts[:3] + [count - before for count, before in zip(counts[3:], counts[1:], strict=False)]
    return "".join(map(_characters, values))


def _characters(value: int) -> str:
    """Write a number in groups of 5 bits, lowest first; the sixth bit says that more follow."""
    text = ""
    more = True
    while more:
        group = value & 0x1F
        value >>= 5
        more = value != (-1 if group & 0x10 else 0)
        text += chr((group | 0x20 if more else group) + 48)
    return text
