"""What makes a measurement fail; the tree of errors stands in `cronnx_server.errors`."""

from __future__ import annotations

from cronnx_server.errors import CommandError


class MeasurementError(CommandError):
    """A load generator, a rival server or the server under test failed before there was a result."""
