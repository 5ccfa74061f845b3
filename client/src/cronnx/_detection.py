"""The answer of a detector: boxes, and the keypoints, corners or masks of its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from cronnx._answers import ImageTensors, MalformedAnswerError, text, upright_size
from cronnx._resampling import Box, mask_in_box
from cronnx._run_lengths import run_lengths

if TYPE_CHECKING:
    from PIL import Image

    from cronnx._inputs import ImageLike


@dataclass(frozen=True, slots=True, eq=False)
class BoxMask:
    """The mask of one object, as the server sends it: small, and expanded only when it is needed.

    Attributes:
        crop: The part of the model's mask around the box; above 0 where the object is, INT16 [h, w].
        crop_box: The rectangle x1, y1, x2, y2 that the crop covers, in pixels of the photo. It may reach beyond it.
        scale: The factor by which the crop is enlarged before it is sampled at the photo's pixels.
        box: The box x1, y1, x2, y2 of the object. The mask is empty outside of it.
        image_size: The width and the height of the photo.
    """

    crop: npt.NDArray[np.int16]
    crop_box: Box
    scale: int
    box: Box
    image_size: tuple[int, int]

    def part(self) -> tuple[int, int, npt.NDArray[np.bool_]]:
        """Return the left and the upper pixel of the box, and the mask of its pixels."""
        return mask_in_box(self.crop, self.crop_box, self.box, scale=self.scale, image_size=self.image_size)

    def expand(self) -> npt.NDArray[np.bool_]:
        """Return whether each pixel of the photo is the object, [height, width]."""
        left, top, part = self.part()
        width, height = self.image_size
        mask = np.zeros((height, width), np.bool_)
        mask[top : top + part.shape[0], left : left + part.shape[1]] = part
        return mask

    def run_lengths(self) -> dict[str, Any]:
        """Return the mask as COCO's compressed run lengths."""
        left, top, part = self.part()
        return run_lengths(part, size=self.image_size, left=left, top=top)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in an image. Coordinates are pixels of the upright photo, from its upper left corner.

    Attributes:
        label: The class in words.
        class_id: The class's index in the model's labels.
        score: The confidence, 0 to 1.
        box: The box x1, y1, x2, y2.
        keypoints: The points x, y, visibility of a pose; None for other tasks.
        corners: The four corners x, y of an oriented box; None for other tasks.
        box_mask: The mask as the server sends it; None for other tasks. `mask` expands it.
    """

    label: str
    class_id: int
    score: float
    box: Box
    keypoints: tuple[tuple[float, float, float], ...] | None = None
    corners: tuple[tuple[float, float], ...] | None = None
    box_mask: BoxMask | None = field(default=None, repr=False, compare=False)

    @property
    def mask(self) -> npt.NDArray[np.bool_] | None:
        """Whether each pixel of the photo is the object, [height, width]; None without a mask.

        Each access computes it.
        """
        return self.box_mask.expand() if self.box_mask else None

    def to_dict(self) -> dict[str, Any]:
        """Return the object as JSON types, without what its task does not have.

        A mask is `segmentation`, COCO's compressed run lengths of the photo's size.
        """
        optional = {
            "keypoints": self.keypoints and [list(point) for point in self.keypoints],
            "corners": self.corners and [list(corner) for corner in self.corners],
            "segmentation": self.box_mask and self.box_mask.run_lengths(),
        }
        return {
            "label": self.label,
            "class_id": self.class_id,
            "score": self.score,
            "box": list(self.box),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Detections(Sequence[Detection]):
    """The answer of `detect` for one image: a sequence of its objects, best first. It may be empty.

    Attributes:
        detections: The objects.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
        image_size: The width and the height of the upright photo, in pixels.
    """

    detections: tuple[Detection, ...]
    served_by: str
    model_name: str
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.detections)

    @overload
    def __getitem__(self, index: int) -> Detection: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Detection, ...]: ...

    def __getitem__(self, index: int | slice) -> Detection | tuple[Detection, ...]:
        return self.detections[index]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: `width` and `height`, `detections`, and `served_by`."""
        width, height = self.image_size
        return {
            "width": width,
            "height": height,
            "detections": [detection.to_dict() for detection in self.detections],
            "served_by": self.served_by,
        }

    def draw(self, image: ImageLike) -> Image.Image:
        """Return the image with masks, boxes or corners, labels, scores and keypoints.

        Args:
            image: The image that was asked about.

        Raises:
            InvalidInput: The image cannot be read, or has another size.
        """
        from cronnx._drawing import draw_detections  # imported here because Pillow loads slowly

        return draw_detections(self, image)


def read_detections(answered: ImageTensors) -> Detections:
    """Read the answer for one image.

    `num_detections` [1], `box` [n, 4], `score`, `class_id` and `label` [n], and where the task has them `keypoints`
    [n, points, 3], `corners` [n, 4, 2], and the outputs of `_read_masks`.

    Raises:
        MalformedAnswerError: The outputs contradict each other.
    """
    tensors = answered.tensors
    count, rows = int(tensors["num_detections"][0]), len(tensors["box"])
    if not 0 <= count <= rows:
        raise MalformedAnswerError(f"expected num_detections of 0 to {rows}, got {count}")
    image_size = upright_size(answered.image)
    boxes = [_box(row) for row in tensors["box"][:count]]
    masks = _read_masks(tensors, boxes, image_size) if "mask" in tensors else None
    columns = (tensors[name][:count].tolist() for name in ("label", "class_id", "score"))
    keypoints, corners = (tensors.get(name) for name in ("keypoints", "corners"))
    found = (
        Detection(
            label=text(label),
            class_id=class_id,
            score=score,
            box=box,
            keypoints=None if keypoints is None else tuple(map(tuple, keypoints[row].tolist())),
            corners=None if corners is None else tuple(map(tuple, corners[row].tolist())),
            box_mask=None if masks is None else masks[row],
        )
        for row, (label, class_id, score, box) in enumerate(zip(*columns, boxes, strict=True))
    )
    return Detections(tuple(found), answered.served_by, answered.model_name, image_size)


def _read_masks(
    tensors: Mapping[str, npt.NDArray[Any]], boxes: Sequence[Box], image_size: tuple[int, int]
) -> list[BoxMask]:
    """Read the masks of boxes.

    `mask` [L] has the crops of all boxes one behind the other, row by row. `mask_size` [n, 2] has the height and the
    width of each, `mask_box` [n, 4] the rectangle that it covers, and `mask_scale` [1] the factor to enlarge it by.
    """
    values, sizes = tensors["mask"], tensors["mask_size"][: len(boxes)].astype(np.int64)
    crop_boxes, (scale,) = tensors["mask_box"][: len(boxes)], tensors["mask_scale"].tolist()
    if (sizes < 0).any() or sizes.prod(axis=1, dtype=np.float64).sum() > len(values):
        raise MalformedAnswerError(f"expected a mask_size of {len(values)} cells at most, got {sizes.tolist()}")
    if scale < 1:
        raise MalformedAnswerError(f"expected a mask_scale of 1 or more, got {scale}")
    areas = sizes.prod(axis=1)
    covers = np.isfinite(crop_boxes).all(axis=1) & (crop_boxes[:, :2] < crop_boxes[:, 2:]).all(axis=1)
    if (areas[~covers] > 0).any():
        raise MalformedAnswerError(f"expected a mask_box with x1 < x2 and y1 < y2, got {crop_boxes[~covers].tolist()}")
    return [
        BoxMask(values[end - area : end].reshape(size).copy(), _box(crop_box), scale, box, image_size)
        for end, area, size, crop_box, box in zip(areas.cumsum(), areas, sizes, crop_boxes, boxes, strict=True)
    ]


def _box(row: npt.NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = row.tolist()
    return x1, y1, x2, y2
