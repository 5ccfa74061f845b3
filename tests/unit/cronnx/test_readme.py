"""The README's code for models that the project's own server does not have, and the outputs that docs/api.md lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cronnx import Client
from cronnx._tasks import PREDICT
from tests.unit.cronnx.answers import config
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.typed_answers import answers_of, photo

ROOT = Path(__file__).parents[3]
README = ROOT / "client" / "README.md"
OUTPUTS = dict(re.findall(r"^\| `(\w+)`.*? \| (.*\[.*) \|$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))


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


@pytest.mark.parametrize("task", [task for task in PREDICT.formats if task != "multi_label"])
def test_the_page_on_the_api_lists_the_outputs_of_each_task(task: str) -> None:
    listed = OUTPUTS[task].replace("those of `detection`", OUTPUTS["detection"]).replace("[L]", "[*]")
    outputs = re.findall(r"`(\w+)` [A-Z0-9]+ \[(.*?)\]", listed)
    expected = [(each.name, ", ".join(each.dims)) for each in PREDICT.formats[task].outputs]
    assert [*outputs, ("served_by", "1")] == expected
