"""The options of `scripts/add_model`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_MAX_BATCH_SIZE = 16
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Options:
    """The model to add; an option that is None was not given.

    Attributes:
        file: The ONNX file.
        name: The name that clients use.
        labels: A file of labels, or the name of a known set.
        size: Height and width of an image, in pixels.
        mean: The mean of each channel, for pixels scaled to [0, 1].
        std: The standard deviation of each channel, for pixels scaled to [0, 1].
        max_batch_size: The largest batch.
        max_queue_delay_ms: The longest time that a request waits for others to join its batch, in milliseconds.
        raw: Whether to serve the graph unchanged.
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
        """The largest batch of a new model whose graph takes batches."""
        return DEFAULT_MAX_BATCH_SIZE if self.max_batch_size is None else self.max_batch_size
