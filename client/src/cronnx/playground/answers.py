"""The answer of a model as the page gets it: the client's own JSON, with a depth as a picture."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cronnx import Depth
from cronnx._tasks import Answer

_MOST_PIXELS = 1_000_000  # of a picture of a depth: the page stretches it over the photo


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON types: its `to_dict`, or the picture of a depth."""
    return _depth_json(answer) if isinstance(answer, Depth) else answer.to_dict()


def _depth_json(answer: Depth) -> dict[str, Any]:
    """Return a depth as a grey PNG of the photo's aspect, black for the least; transparent where the crop cut off."""
    depth = _shrunk(answer).depth
    seen = np.isfinite(depth)
    least, most = float(depth[seen].min()), float(depth[seen].max())
    grey = np.where(seen, (depth - least) * (255 / ((most - least) or 1)), 0).round().astype(np.uint8)
    height, width = depth.shape
    return {
        "minimum": least,
        "maximum": most,
        "width": width,
        "height": height,
        "depth": _data_url(np.stack([grey, np.where(seen, 255, 0).astype(np.uint8)], axis=-1)),
        "served_by": answer.served_by,
    }


def _shrunk(answer: Depth) -> Depth:
    """Return a depth laid over a smaller photo of the same aspect, if the photo is large."""
    geometry = answer.geometry
    factor = (_MOST_PIXELS / (geometry.width * geometry.height)) ** 0.5
    if factor >= 1:
        return answer
    width, height = max(1, round(geometry.width * factor)), max(1, round(geometry.height * factor))
    scale_x, scale_y = geometry.scale_x * geometry.width / width, geometry.scale_y * geometry.height / height
    return replace(answer, geometry=replace(geometry, width=width, height=height, scale_x=scale_x, scale_y=scale_y))


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels, "LA").save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
