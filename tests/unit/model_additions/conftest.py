from __future__ import annotations

from pathlib import Path

import pytest

from model_additions.placement import Repositories


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """Repositories that have no model."""
    found = Repositories(tmp_path / "model_repository", tmp_path / "ensembles", tmp_path / "aside")
    found.models.mkdir()
    found.ensembles.mkdir()
    return found
