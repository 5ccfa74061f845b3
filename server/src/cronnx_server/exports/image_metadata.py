"""ONNX's own metadata of image inputs: onnx/onnx, `docs/MetadataProps.md`."""

from __future__ import annotations

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.source import Source

PIXEL_FORMAT = "Image.BitmapPixelFormat"
PIXEL_RANGE = "Image.NominalPixelRange"
COLOUR_SPACE = "Image.ColorSpaceGamma"
CHANNEL_ORDERS = {"rgb8": "RGB", "rgba8": "RGB", "bgr8": "BGR", "bgra8": "BGR"}
RANGES = {
    "nominalrange_0_255": (1.0, 0.0),
    "normalized_0_1": (1 / 255, 0.0),
    "normalized_1_1": (1 / 127.5, 1.0),
}
"""The scale and the mean of each range of values."""


def read(source: Source, facts: Facts) -> bool:
    """Add the channel order and the range of values that the metadata says.

    Returns:
        Whether there is such metadata.

    Raises:
        ModelFileError: The metadata says what this project cannot do.
    """
    metadata = source.metadata
    if value := metadata.get(PIXEL_FORMAT):
        order = value.lower().removeprefix("bitmappixelformat_")
        if order not in CHANNEL_ORDERS:
            facts.refuse("channel_order", f"expected Rgb8 or Bgr8, got {value}", f"metadata: {PIXEL_FORMAT}")
        unusual = "most networks take RGB" if CHANNEL_ORDERS.get(order) == "BGR" else ""
        facts.add("channel_order", CHANNEL_ORDERS.get(order), f"metadata: {PIXEL_FORMAT}", unusual=unusual)
    if values := metadata.get(PIXEL_RANGE):
        _add_range(values, facts)
    if metadata.get(COLOUR_SPACE, "srgb").lower() != "srgb":
        facts.refuse("scale", f"expected SRGB, got {metadata[COLOUR_SPACE]}", f"metadata: {COLOUR_SPACE}")
    return PIXEL_FORMAT in metadata or PIXEL_RANGE in metadata


def _add_range(values: str, facts: Facts) -> None:
    where = f"metadata: {PIXEL_RANGE}"
    if values.lower() not in RANGES:
        facts.refuse("scale", f"expected NominalRange_0_255, Normalized_0_1 or Normalized_1_1, got {values}", where)
        return
    scale, mean = RANGES[values.lower()]
    facts.add("scale", scale, where)
    facts.add("mean", (mean,) * 3, where)
    facts.add("std", (1.0, 1.0, 1.0), where)
