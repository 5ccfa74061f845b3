"""Debian's HAProxy with this project's configuration, in front of a test's servers."""

from __future__ import annotations

import pytest

from cronnx_lab.attack import proxy
from cronnx_lab.errors import MeasurementError


def skip_without_haproxy() -> None:
    """Skip the test where HAProxy is not installed."""
    try:
        proxy.command()
    except MeasurementError as error:
        pytest.skip(str(error))
