from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_onnxruntime.providers import GPU_ACCELERATORS
from cronnx_onnxruntime.settings import KNOWN, UNSUPPORTED_FIELDS

README = Path(__file__).parents[3] / "onnxruntime_backend" / "README.md"


@pytest.mark.parametrize("key", [*KNOWN, *GPU_ACCELERATORS, *UNSUPPORTED_FIELDS])
def test_the_readme_names_every_key_that_is_honoured_or_refused(key: str) -> None:
    assert f"`{key}`" in README.read_text()
