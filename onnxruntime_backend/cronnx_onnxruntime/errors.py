"""Errors of the stand-in backend.

Exception
├── ConfigurationError    a model that must not load: its configuration or its file
└── InferenceError        a batch that ONNX Runtime would not run
"""

from __future__ import annotations

import re
from pathlib import Path


class ConfigurationError(Exception):
    """A model configuration that cannot be honoured, or does not fit the model's file."""


class InferenceError(Exception):
    """What a request gives cannot be run.

    Attributes:
        caller: whether the request is at fault, not the server.
    """

    def __init__(self, message: str, *, caller: bool) -> None:
        super().__init__(message)
        self.caller = caller


def in_one_line(error: Exception, *, folder: Path | None = None) -> str:
    """What ONNX Runtime says in `error`, without the folders it was built in or, with `folder`, loads from."""
    text = " ".join(str(error).split())
    if folder:
        text = text.replace(f"{folder}/", "")
    return re.sub(r"(?<!\S)/\S+/", "", text)
