"""What somebody says of the model to add."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_MAX_BATCH_SIZE = 16
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Options:
    """The options of `scripts/add_model`; None is what was not said.

    Attributes:
        file: the ONNX file.
        name: what clients call the model.
        labels: a file, or `imagenet`.
        size: height and width of the pictures in pixels.
        mean: per channel, of pixels scaled to [0, 1].
        std: per channel, likewise.
        max_batch_size: the largest batch.
        max_queue_delay_ms: how long a request may wait for others to join its batch.
        raw: serve the graph as it is.
    """

    file: Path
    name: str
    labels: str | None = None
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    max_batch_size: int | None = None
    max_queue_delay_ms: float | None = None
    raw: bool = False

    @property
    def batch_size(self) -> int:
        """The largest batch of a new model that can take batches."""
        return DEFAULT_MAX_BATCH_SIZE if self.max_batch_size is None else self.max_batch_size
