from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.add_model.placement import Repositories


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """Empty repositories."""
    found = Repositories(tmp_path / "model_repository", tmp_path / "ensembles", tmp_path / "staging")
    found.models.mkdir()
    found.ensembles.mkdir()
    return found
