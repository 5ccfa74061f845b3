from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from cronnx_preprocess.scans import MOST_SCANS, has_too_many_scans

Encode = Callable[..., bytes]

SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\x00\xff\xd0\x34"


def with_scans(count: int) -> bytes:
    return b"\xff\xd8" + SCAN * count + b"\xff\xd9"


@pytest.mark.parametrize(("count", "too_many"), [(1, False), (MOST_SCANS, False), (MOST_SCANS + 1, True)])
def test_the_scans_of_a_file_are_limited(count: int, too_many: bool) -> None:
    assert has_too_many_scans(with_scans(count)) is too_many


def test_scans_within_segments_and_behind_the_end_are_not_counted() -> None:
    metadata = b"\xff\xe1" + (2 + 3 * 200).to_bytes(2, "big") + b"\xff\xda\x00" * 200
    file = b"\xff\xd8" + metadata + SCAN + b"\xff\xd9" + b"\xff\xda" * 1000
    assert not has_too_many_scans(file)


@pytest.mark.parametrize("between", [b"\xff\x01", b"\xff\xd7", b"\xff\xff", b"\xff\x00", b"noise"])
def test_what_has_no_length_hides_no_scans_behind_it(between: bytes) -> None:
    assert has_too_many_scans(b"\xff\xd8" + (between + SCAN) * (MOST_SCANS + 1))


@pytest.mark.parametrize(
    ("frame", "channels_of_scan", "too_many"), [(0xC0, 3, False), (0xC0, 1, True), (0xC2, 3, True)]
)
def test_only_a_file_whose_channels_are_all_in_one_scan_is_not_walked(
    frame: int, channels_of_scan: int, too_many: bool
) -> None:
    header = bytes((0xFF, 0xD8, 0xFF, frame, 0, 17, 8, 0, 9, 0, 9, 3)) + bytes(9)
    scan = bytes((0xFF, 0xDA, 0, 12, channels_of_scan)) + bytes(9)
    assert has_too_many_scans(header + scan * (MOST_SCANS + 1)) is too_many


def test_a_length_that_leads_nowhere_ends_the_walk() -> None:
    assert not has_too_many_scans(b"\xff\xd8" + b"\xff\xe0\xff\xff" + b"\xff\xda" * 200)
    assert has_too_many_scans(b"\xff\xd8" + b"\xff\xda\x00\x00" * 200)


@pytest.mark.parametrize("parameters", [{}, {"progressive": True}])
def test_no_file_of_an_encoder_has_too_many(parameters: dict[str, bool], photo: Image.Image, encode: Encode) -> None:
    assert not has_too_many_scans(encode(photo, "JPEG", **parameters))
