"""The answer of a depth estimator: the depth of every pixel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cronnx._answers import ImageTensors
from cronnx._resampling import Geometry, bicubic, read_geometry

if TYPE_CHECKING:
    from PIL import Image

    from cronnx._inputs import ImageLike


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """The answer of `estimate_depth` for one image.

    The unit is the model's: metres, or a relative depth or disparity whose larger values are nearer.

    Attributes:
        grid: The depth on the model's own grid, FP32 [h, w]. `depth` lays it over the photo.
        geometry: Where the photo lies on the grid.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
    """

    grid: npt.NDArray[np.float32] = field(repr=False)
    geometry: Geometry
    served_by: str
    model_name: str

    @property
    def image_size(self) -> tuple[int, int]:
        """The width and the height of the upright photo, in pixels."""
        return self.geometry.width, self.geometry.height

    @property
    def depth(self) -> npt.NDArray[np.float32]:
        """The depth of each pixel of the photo, FP32 [height, width]; NaN where the model's crop cut the photo off.

        The grid is resized bicubically, as PyTorch's `interpolate` does it. Each access computes it.
        """
        return bicubic(self.grid, self.geometry)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: `grid` as rows, `geometry`, `minimum` and `maximum`, and `served_by`."""
        return {
            "geometry": asdict(self.geometry),
            "minimum": float(self.grid.min()),
            "maximum": float(self.grid.max()),
            "grid": self.grid.tolist(),
            "served_by": self.served_by,
        }

    def draw(self, image: ImageLike) -> Image.Image:
        """Return the depth as colours, from dark for the least to bright for the greatest.

        Args:
            image: The image that was asked about.

        Raises:
            InvalidInput: The image cannot be read, or has another size.
        """
        from cronnx._drawing import draw_depth  # imported here because Pillow loads slowly

        return draw_depth(self, image)


def read_depth(answered: ImageTensors) -> Depth:
    """Read the answer for one image: `depth` [h, w] and `geometry` [6]."""
    return Depth(
        answered.tensors["depth"].copy(),
        read_geometry(answered.tensors["geometry"]),
        answered.served_by,
        answered.model_name,
    )
