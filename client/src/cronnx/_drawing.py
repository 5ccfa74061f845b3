"""Answers drawn on the images that were asked about."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cronnx._errors import InvalidInput
from cronnx._inputs import ImageLike, image_file

if TYPE_CHECKING:
    from cronnx._classification import Classification
    from cronnx._depth import Depth
    from cronnx._detection import Detection, Detections
    from cronnx._segmentation import Segmentation

Color = tuple[int, int, int]

COCO_SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10)),
    *((1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
"""The lines between the 17 keypoints of a person in COCO."""

_COCO_POINTS = 17
_VISIBLE = 0.5
_MASK_OPACITY = 0.45
_CLASS_OPACITY = 0.55
_LEGEND_ROWS = 8
_UNCOLOURED = "background"
_GREY = np.array([128, 128, 128], np.float32)

# Nine colours of matplotlib's map `inferno`, evenly spaced; a map whose brightness rises evenly.
_INFERNO = np.array(
    [
        *((0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85)),
        *((227, 89, 51), (249, 140, 10), (249, 201, 50), (252, 255, 164)),
    ],
    np.float32,
)


def draw_classification(answer: Classification, image: ImageLike) -> Image.Image:
    """Return the image with the classes and their scores in its corner."""
    picture = _upright(image)
    rows = [(_scored(each.label, each.score), color_of(each.class_id)) for each in answer.top]
    _legend(picture, rows)
    return picture


def draw_detections(answer: Detections, image: ImageLike) -> Image.Image:
    """Return the image with masks, boxes or corners, labels, scores and keypoints; the best are on top."""
    picture = _upright(image, answer.image_size)
    for detection in reversed(answer.detections):
        _draw_mask(picture, detection)
    draw = ImageDraw.Draw(picture)
    for detection in reversed(answer.detections):
        _draw_outline(draw, detection, _line_width(picture))
        _draw_pose(draw, detection, _line_width(picture))
    for detection in reversed(answer.detections):
        x, y = _label_corner(detection)
        _draw_text(picture, (x, y), _scored(detection.label, detection.score), color_of(detection.class_id))
    return picture


def draw_segmentation(answer: Segmentation, image: ImageLike) -> Image.Image:
    """Return the image under the colours of its classes, with a legend of the largest."""
    picture = _upright(image, answer.image_size)
    class_map = answer.class_map
    palette = np.array([color_of(class_id) for class_id in range(len(answer.labels))] + [_GREY], np.uint8)
    opacity = np.array([0 if label == _UNCOLOURED else _CLASS_OPACITY for label in answer.labels] + [_CLASS_OPACITY])
    colours = Image.fromarray(palette[class_map])  # -1 is the last colour
    picture.paste(colours, mask=Image.fromarray(np.round(opacity * 255).astype(np.uint8)[class_map]))
    shown = [(answer.labels[class_id], class_id, share) for class_id, share in answer.shares()]
    coloured = [(_scored(label, share), color_of(class_id)) for label, class_id, share in shown if label != _UNCOLOURED]
    _legend(picture, coloured[:_LEGEND_ROWS])
    return picture


def draw_depth(answer: Depth, image: ImageLike) -> Image.Image:
    """Return the depth as colours, dark for the least and bright for the greatest."""
    _upright(image, answer.image_size)  # checks that it is the image that was asked about
    depth = answer.depth
    seen = np.isfinite(depth)
    low, high = (float(depth[seen].min()), float(depth[seen].max())) if seen.any() else (0.0, 0.0)
    place = np.clip((np.where(seen, depth, low) - low) / (high - low or 1.0), 0, 1) * 255
    ramp = np.array([np.interp(np.linspace(0, len(_INFERNO) - 1, 256), range(len(_INFERNO)), c) for c in _INFERNO.T]).T
    colours = ramp.astype(np.uint8)[place.astype(np.uint8)]
    colours[~seen] = _GREY
    return Image.fromarray(colours)


def color_of(class_id: int) -> Color:
    """Return the colour of a class: neighbouring classes differ clearly, and a class always has the same colour."""
    hue = (0.02 + class_id * 0.618034) % 1  # the golden ratio spreads any number of hues evenly
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.85, 0.65, 1.0)[class_id // 7 % 3], (0.95, 0.8, 1.0)[class_id % 3])
    return round(red * 255), round(green * 255), round(blue * 255)


def _upright(image: ImageLike, expected_size: tuple[int, int] | None = None) -> Image.Image:
    try:
        with Image.open(io.BytesIO(image_file(image))) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many types
        raise InvalidInput(f"image: expected a picture to draw on, got one that cannot be read: {error}") from error
    if expected_size and picture.size != expected_size:
        width, height = expected_size
        raise InvalidInput(
            f"image: expected the image that was asked about, {width} x {height}; got {picture.width} x"
            f" {picture.height}"
        )
    return picture


def _draw_mask(picture: Image.Image, detection: Detection) -> None:
    if detection.box_mask:
        left, top, part = detection.box_mask.part()
        if part.size:
            opacity = Image.fromarray((part * round(_MASK_OPACITY * 255)).astype(np.uint8))
            picture.paste(color_of(detection.class_id), (left, top), opacity)


def _draw_outline(draw: ImageDraw.ImageDraw, detection: Detection, width: int) -> None:
    color = color_of(detection.class_id)
    if detection.corners:
        first, *others = detection.corners
        draw.line([first, *others, first], fill=color, width=width, joint="curve")
    else:
        draw.rectangle(detection.box, outline=color, width=width)


def _draw_pose(draw: ImageDraw.ImageDraw, detection: Detection, width: int) -> None:
    points = detection.keypoints or ()
    lines = COCO_SKELETON if len(points) == _COCO_POINTS else ()
    for number, (start, end) in enumerate(lines):
        if min(points[start][2], points[end][2]) >= _VISIBLE:
            draw.line([points[start][:2], points[end][:2]], fill=color_of(number), width=width)
    for x, y, visibility in points:
        if visibility >= _VISIBLE:
            radius = width * 1.5
            bounds = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(bounds, fill=(255, 255, 255), outline=(0, 0, 0), width=max(1, width // 3))


def _label_corner(detection: Detection) -> tuple[float, float]:
    """Return the upper left end of the box, or the highest corner of an oriented one."""
    if detection.corners:
        return min(detection.corners, key=lambda corner: corner[1])
    return detection.box[:2]


def _scored(label: str, score: float) -> str:
    return f"{label} {score:.0%}"


def _legend(picture: Image.Image, rows: Sequence[tuple[str, Color]]) -> None:
    bottom = 0.0
    for text, color in rows:
        bottom = _draw_text(picture, (0, bottom), text, color, below=True)


def _draw_text(
    picture: Image.Image, corner: tuple[float, float], text: str, color: Color, *, below: bool = False
) -> float:
    """Draw a line of text on its class's colour, above a point if there is room; return its lower edge."""
    draw = ImageDraw.Draw(picture)
    font = _font(picture)
    text = "".join(each if each.isprintable() else "?" for each in text)
    margin = max(1, round(font.size / 6))
    width, height = draw.textlength(text, font=font) + 2 * margin, round(font.size * 1.2) + 2 * margin
    x = max(0, min(corner[0], picture.width - width))
    y = max(0, min(corner[1] if below or corner[1] < height else corner[1] - height, picture.height - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    luminance = np.dot(color, (0.299, 0.587, 0.114))
    ink = (0, 0, 0) if luminance > 128 else (255, 255, 255)
    draw.text((x + margin, y + margin), text, fill=ink, font=font, anchor="la")
    return float(y + height)


def _font(picture: Image.Image) -> Any:  # noqa: ANN401 - a FreeTypeFont, or Pillow's bitmap font without FreeType
    return ImageFont.load_default(max(11, round(min(picture.size) / 30)))


def _line_width(picture: Image.Image) -> int:
    return max(2, round(min(picture.size) / 200))
