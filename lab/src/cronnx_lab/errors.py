"""The error of a failed measurement; `cronnx_server.errors` has the tree of errors."""

from __future__ import annotations

from cronnx_server.errors import CommandError


class MeasurementError(CommandError):
    """A load generator, a rival server or the server under test failed before there was a result."""
