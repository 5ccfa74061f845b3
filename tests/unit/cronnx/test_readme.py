"""The README's code for models that the project's own server does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cronnx import Client
from tests.unit.cronnx.answers import config
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.typed_answers import answers_of, photo

README = Path(__file__).parents[3] / "client" / "README.md"


def test_the_code_about_detections_runs(
    transport: FakeTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = (each for each in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "detect(" in each)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.jpg").write_bytes(photo())
    transport.config, transport.answer = config("detection"), answers_of("detection")
    with Client(transport=transport) as client:
        exec(code, {"client": client})  # noqa: S102 - the README's code
    assert capsys.readouterr().out.splitlines()[0] == "dog 0.75 (4.0, 2.0, 24.0, 12.0)"
    assert (tmp_path / "drawn.png").exists()
