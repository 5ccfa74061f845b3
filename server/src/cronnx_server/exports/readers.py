"""All readers of what exporters write, in the order of trust."""

from __future__ import annotations

from collections.abc import Callable

from cronnx_server.exports import (
    custom_vision,
    hugging_face,
    image_metadata,
    labels,
    mmdeploy,
    paddle,
    timm,
    ultralytics,
)
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.source import Source

Reader = Callable[[Source, Facts], bool]

EXPORTERS: tuple[Reader, ...] = (
    ultralytics.read,
    timm.read,
    hugging_face.read,
    mmdeploy.read,
    paddle.read,
    custom_vision.read,
)
"""Readers of which at most one applies: a preprocessing of two exporters' parts would be nobody's."""

ADDITIONS: tuple[Reader, ...] = (image_metadata.read, labels.read)
"""Readers of what any exporter may write beside its own files."""


def read_all(source: Source, facts: Facts) -> None:
    """Add the facts that are in an ONNX file's metadata and in the files beside it.

    Args:
        source: The model.
        facts: The facts to add to; those that are known, as from options, stay.

    Raises:
        ModelFileError: A file is damaged, or says what this project cannot do.
    """
    any(reader(source, facts) for reader in EXPORTERS)
    for reader in ADDITIONS:
        reader(source, facts)
