from __future__ import annotations

import re

from diagnosis.diagnosis import OF_REPOSITORIES, ON_A_MACHINE
from local_server.paths import ROOT


def test_every_check_is_explained_in_order() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    assert re.findall(r"^\| `(\w+)`", page, re.MULTILINE) == [*OF_REPOSITORIES, *ON_A_MACHINE]
