"""The answer of a semantic segmentation: the class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cronnx._answers import ImageTensors, text
from cronnx._resampling import Geometry, nearest, pixel_counts, read_geometry
from cronnx._run_lengths import run_lengths

if TYPE_CHECKING:
    from PIL import Image

    from cronnx._inputs import ImageLike

UNSEEN = -1
"""The class of pixels that the model did not see, because it crops the photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The answer of `segment` for one image.

    Attributes:
        labels: The classes in words, by class id.
        grid: The class ids on the model's own grid, [h, w]. `class_map` lays them over the photo.
        geometry: Where the photo lies on the grid.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
    """

    labels: tuple[str, ...]
    grid: npt.NDArray[np.integer[Any]] = field(repr=False)
    geometry: Geometry
    served_by: str
    model_name: str

    @property
    def image_size(self) -> tuple[int, int]:
        """The width and the height of the upright photo, in pixels."""
        return self.geometry.width, self.geometry.height

    @property
    def class_map(self) -> npt.NDArray[np.integer[Any]]:
        """The class id of each pixel of the photo, [height, width]; -1 where the model's crop cut the photo off.

        Each access computes it.
        """
        signed = np.int16 if self.grid.dtype == np.uint8 else np.int32
        return nearest(self.grid.astype(signed), self.geometry, unseen=UNSEEN)

    @property
    def areas(self) -> dict[str, float]:
        """The share of the photo, 0 to 1, of each label that is in it, the largest first."""
        return {self.labels[class_id]: share for class_id, share in self.shares()}

    def shares(self) -> list[tuple[int, float]]:
        """Return the class ids that are in the photo and their shares of it, the largest first."""
        counts = pixel_counts(self.grid, self.geometry, classes=len(self.labels))
        found = np.flatnonzero(counts)
        largest = found[np.argsort(-counts[found], kind="stable")]
        total = self.geometry.width * self.geometry.height
        return [(class_id, counts[class_id].item() / total) for class_id in largest.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: `width` and `height`, `classes`, and `served_by`.

        Each class has `label`, `class_id`, `share` and `segmentation`, COCO's compressed run lengths.
        """
        class_map = self.class_map
        width, height = self.image_size
        classes = [
            {
                "label": self.labels[class_id],
                "class_id": class_id,
                "share": share,
                "segmentation": run_lengths(class_map == class_id, size=self.image_size),
            }
            for class_id, share in self.shares()
        ]
        return {"width": width, "height": height, "classes": classes, "served_by": self.served_by}

    def draw(self, image: ImageLike) -> Image.Image:
        """Return the image under the colours of its classes, with a legend.

        Args:
            image: The image that was asked about.

        Raises:
            InvalidInput: The image cannot be read, or has another size.
        """
        from cronnx._drawing import draw_segmentation  # imported here because Pillow loads slowly

        return draw_segmentation(self, image)


def read_segmentation(answered: ImageTensors) -> Segmentation:
    """Read the answer for one image: `class_map` [h, w], `label` [classes] and `geometry` [6]."""
    return Segmentation(
        labels=tuple(map(text, answered.tensors["label"].tolist())),
        grid=answered.tensors["class_map"].copy(),
        geometry=read_geometry(answered.tensors["geometry"]),
        served_by=answered.served_by,
        model_name=answered.model_name,
    )
