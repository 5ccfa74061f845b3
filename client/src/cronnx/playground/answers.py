"""The answer of a model as the page gets it: the client's own JSON, with what covers the photo on fewer pixels."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cronnx import BoxMask, Classification, Depth, Detections, Embedding, Geometry, Segmentation
from cronnx._resampling import Box

MOST_PIXELS = 500_000
"""The most pixels of a mask, a class map or a depth: the page stretches them over the photo."""


@singledispatch
def answer_json(answer: Classification | Embedding | Detections | Segmentation | Depth) -> dict[str, Any]:
    """Return an answer as JSON types: what its `to_dict` returns.

    If the photo has more than `MOST_PIXELS`, the run lengths of masks and classes have a smaller `size` of the same
    aspect. A depth is a grey PNG as a data URL in `depth`, black for the least, transparent where the model's crop cut
    the photo off.
    """
    return answer.to_dict()


@answer_json.register
def _detections_json(answer: Detections) -> dict[str, Any]:
    factor = _factor(*answer.image_size)
    found = (replace(each, box_mask=_smaller_mask(each.box_mask, factor)) if each.box_mask else each for each in answer)
    return replace(answer, detections=tuple(found)).to_dict()


@answer_json.register
def _segmentation_json(answer: Segmentation) -> dict[str, Any]:
    fields = replace(answer, geometry=_smaller_geometry(answer.geometry)).to_dict()
    shares = dict(answer.shares())
    for each in fields["classes"]:
        each["share"] = shares.get(each["class_id"], each["share"])
    return fields


@answer_json.register
def _depth_json(answer: Depth) -> dict[str, Any]:
    depth = replace(answer, geometry=_smaller_geometry(answer.geometry)).depth
    seen = np.isfinite(depth)
    least, most = (float(depth[seen].min()), float(depth[seen].max())) if seen.any() else (0.0, 0.0)
    grey = np.where(seen, (depth - least) * (255 / ((most - least) or 1)), 0)
    height, width = depth.shape
    return {
        "minimum": least,
        "maximum": most,
        "width": width,
        "height": height,
        "depth": _png(grey.round().astype(np.uint8), np.where(seen, 255, 0).astype(np.uint8)),
        "served_by": answer.served_by,
    }


def _factor(width: int, height: int) -> float:
    return min(1.0, math.sqrt(MOST_PIXELS / (width * height)))


def _smaller_size(width: int, height: int, factor: float) -> tuple[int, int]:
    return max(1, round(width * factor)), max(1, round(height * factor))


def _smaller_mask(mask: BoxMask, factor: float) -> BoxMask:
    image_size = _smaller_size(*mask.image_size, factor)
    return replace(mask, box=_scaled(mask.box, factor), crop_box=_scaled(mask.crop_box, factor), image_size=image_size)


def _scaled(box: Box, factor: float) -> Box:
    x1, y1, x2, y2 = box
    return x1 * factor, y1 * factor, x2 * factor, y2 * factor


def _smaller_geometry(geometry: Geometry) -> Geometry:
    width, height = _smaller_size(geometry.width, geometry.height, _factor(geometry.width, geometry.height))
    return replace(
        geometry,
        width=width,
        height=height,
        scale_x=geometry.scale_x * geometry.width / width,
        scale_y=geometry.scale_y * geometry.height / height,
    )


def _png(grey: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha))).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
