from __future__ import annotations

from pathlib import Path

from cronnx_lab import bench


def test_the_overview_names_every_module() -> None:
    modules = {path.stem for path in Path(bench.__path__[0]).glob("[!_]*.py")}
    assert [name for name in sorted(modules) if f"`{name}`" not in str(bench.__doc__)] == []
