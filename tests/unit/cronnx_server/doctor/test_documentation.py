from __future__ import annotations

import re

from cronnx_server.doctor.diagnosis import OF_REPOSITORIES, ON_A_MACHINE
from cronnx_server.paths import ROOT


def test_every_check_is_explained_in_order() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    assert re.findall(r"^\| `(\w+)`", page, re.MULTILINE) == [*OF_REPOSITORIES, *ON_A_MACHINE]
