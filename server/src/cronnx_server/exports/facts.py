"""Facts about a model, each with the place that it was found in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cronnx_server.errors import ModelFileError


@dataclass(frozen=True)
class Fact:
    """One fact.

    Attributes:
        name: Its name, one of `NAMES`.
        value: Its value, of JSON types and tuples.
        source: Where it was found: `--mean`, `preprocessor_config.json: image_mean`, `graph`, `measured`, `assumed`…
        assumed: Whether nothing says so: a default that may be wrong.
        unusual: What speaks against a value that a file says; empty if nothing does.
    """

    name: str
    value: Any
    source: str
    assumed: bool = False
    unusual: str = ""

    @property
    def option(self) -> str:
        """The option that gives it another value."""
        return "--no-bgr" if (self.name, self.value) == ("channel_order", "BGR") else OPTIONS[self.name]


NAMES = {
    "task": "a task",
    "output_format": "the layout of the outputs",
    "outputs": "the names of the outputs that the answer is made of",
    "labels": "one label for each class",
    "input": "the name of the image input",
    "layout": "NCHW or NHWC",
    "size": "(height, width) of the network's images; None where it follows the photograph",
    "resize": "exact, shortest_edge, letterbox or nearest_scale",
    "resize_size": "(height, width) before the crop or the padding",
    "longest_edge": "the most that the longer side may have",
    "multiple": "what both sides are multiples of",
    "position": "centre or top_left",
    "rounding": "floor or round",
    "fill": "the colour of the padding, RGB of 0 to 255",
    "resample": "the filter",
    "antialias": "whether the filter widens where an image shrinks",
    "channel_order": "RGB or BGR",
    "scale": "the factor of a byte",
    "mean": "subtracted after scaling",
    "std": "divided by",
    "activation": "softmax, sigmoid or none",
    "first_class": "the number by which the network means the first label",
    "confidence": "the lowest score that is given",
    "iou": "the overlap above which the lower box is dropped",
    "max_detections": "the rows of an answer",
    "keypoint_shape": "(points, values a point)",
}
"""Every name of a fact and its meaning, in the order of the table that is shown."""
OPTIONS: Mapping[str, str] = {
    "task": "--task",
    "output_format": "--format",
    "outputs": "--output",
    "labels": "--labels",
    "input": "--input",
    "layout": "--layout",
    "size": "--size",
    "resize": "--resize",
    "resize_size": "--crop",
    "longest_edge": "--resize",
    "multiple": "--size",
    "position": "--position",
    "rounding": "--resize",
    "fill": "--fill",
    "resample": "--resample",
    "antialias": "--antialias",
    "channel_order": "--bgr",
    "scale": "--scale",
    "mean": "--mean",
    "std": "--std",
    "activation": "--activation",
    "first_class": "--first-class",
    "confidence": "--confidence",
    "iou": "--iou",
    "max_detections": "--max-detections",
    "keypoint_shape": "--keypoint-shape",
}
"""The option that settles each fact."""


class Facts:
    """The facts about one model. The first that is said of a name stays: sources are read in the order of trust."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}

    def add(self, name: str, value: Any, source: str, *, unusual: str = "") -> None:  # noqa: ANN401 - by the name
        """Add a fact, unless one of its name is known or the value is None; `unusual` is what speaks against it."""
        if value is not None:
            self._add(Fact(name, value, source, unusual=unusual))

    def assume(self, name: str, value: Any, reason: str = "") -> None:  # noqa: ANN401
        """Add a default, unless a fact of its name is known; `reason` says what makes it likely."""
        self._add(Fact(name, value, f"assumed: {reason}" if reason else "assumed", assumed=True))

    def refuse(self, name: str, reason: str, source: str) -> None:
        """Refuse a model whose files say something that cannot be served, unless a fact of the name is known.

        Args:
            name: The name of the fact.
            reason: What was expected and what came.
            source: Where it was found.

        Raises:
            ModelFileError: No earlier source, as an option, gives the fact.
        """
        if name not in self._facts:
            raise ModelFileError(f"{source}: {reason}; if you know better, pass {OPTIONS[name]}")

    def correct(self, name: str, value: Any, source: str) -> None:  # noqa: ANN401
        """Replace a fact by one that the network itself proves."""
        self._facts.pop(name, None)
        self.add(name, value, source)

    def fact(self, name: str) -> Fact | None:
        """A fact with its source; None if it is not known."""
        return self._facts.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._facts

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        return self._facts[name].value

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """The value of a fact, or the default."""
        return self._facts[name].value if name in self._facts else default

    def __iter__(self) -> Iterator[Fact]:
        """The facts in the order of `NAMES`."""
        return (self._facts[name] for name in NAMES if name in self._facts)

    def _add(self, fact: Fact) -> None:
        if fact.name not in NAMES:
            raise KeyError(fact.name)
        self._facts.setdefault(fact.name, fact)
