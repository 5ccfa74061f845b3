"""The exceptions of this package.

Exception
├── ConfigError       a model that cannot be loaded: its configuration or its file
└── InferenceError    a request that cannot be answered
"""

from __future__ import annotations

import re
from pathlib import Path


class ConfigError(Exception):
    """A model configuration that is invalid, not supported, or does not fit the model's file."""


class InferenceError(Exception):
    """A request that cannot be answered. Its text can be shown to the caller.

    Attributes:
        caller_at_fault: True if the request is wrong, False if the model or the server is.
    """

    def __init__(self, message: str, *, caller_at_fault: bool) -> None:
        super().__init__(message)
        self.caller_at_fault = caller_at_fault


def in_one_line(error: Exception, *, folder: Path | None = None) -> str:
    """Shorten the text of an error of ONNX Runtime to one line without folder names.

    Args:
        error: The error.
        folder: A folder to remove as well, even if its name contains spaces.
    """
    text = " ".join(str(error).split())
    if folder:
        text = text.replace(f"{folder}/", "")
    return re.sub(r"(?<!\S)/\S+/", "", text)
