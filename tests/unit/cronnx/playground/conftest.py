from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cronnx.playground.app import Settings, playground
from cronnx.playground.server import Server
from tests.unit.cronnx.playground.asgi import Browser, browsing
from tests.unit.cronnx.playground.fake_triton import FakeTriton


@pytest.fixture
def triton() -> FakeTriton:
    return FakeTriton()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of photos, one of them in a subfolder, and of what is none."""
    (tmp_path / "more").mkdir()
    for name in ("cat.jpg", "more/dog.PNG"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "README.md").write_text(
        "| file | content | author | licence |\n|---|---|---|---|\n| `cat.jpg` | a cat | Ada | CC0 |\n"
    )
    return tmp_path


@pytest.fixture
def page(triton: FakeTriton, pictures: Path) -> Iterator[Browser]:
    settings = Settings(Server(["http://127.0.0.1:8000"]), pictures=pictures)
    with browsing(playground(settings, triton.connect)) as browser:
        yield browser
