"""The options of `scripts/add_model`, and the facts that they state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cronnx_server.exports.facts import OPTIONS, Facts
from cronnx_server.exports.labels import read_labels
from cronnx_server.exports.specification import NUMBERED

DEFAULT_MAX_BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class Options:
    """The model to add; an option that is None was not given.

    Attributes:
        source: The ONNX file, or the folder that an exporter wrote.
        name: The name that clients use.
        facts: What the user states, by the names of facts; see `cronnx_server.exports.facts.NAMES`.
        labels: A file of labels, the name of a known set, or `numbers`.
        crop: The fraction of the resized image that the network sees.
        max_batch_size: The largest batch.
        max_queue_delay_ms: The longest time that a request waits for others to join its batch, in milliseconds.
        quantise: A folder of photographs to calibrate an INT8 version on.
        force: Whether to add an INT8 version whose answers change too much.
        gpu: Whether to make the file that the profiles for GPUs serve too.
        raw: Whether to serve the graph unchanged.
    """

    source: Path
    name: str
    facts: tuple[tuple[str, object], ...] = ()
    labels: str | None = None
    crop: float | None = None
    max_batch_size: int | None = None
    max_queue_delay_ms: float | None = None
    quantise: Path | None = None
    force: bool = False
    gpu: bool = False
    raw: bool = False

    @property
    def batch_size(self) -> int:
        """The largest batch of a new model whose graph takes batches."""
        return DEFAULT_MAX_BATCH_SIZE if self.max_batch_size is None else self.max_batch_size

    def stated(self) -> Facts:
        """The facts that the user states, before any other.

        Raises:
            ModelFileError: The labels cannot be read.
        """
        facts = Facts()
        for name, value in self.facts:
            facts.add(name, value, OPTIONS[name])
        if self.labels is not None:
            labels = NUMBERED if self.labels == NUMBERED else tuple(read_labels(self.labels))
            facts.add("labels", labels, f"--labels {self.labels}")
        return facts
