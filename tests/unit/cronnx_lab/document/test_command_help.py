from __future__ import annotations

from pathlib import Path

from cronnx_lab.document.command_help import of

MOW = """#!/usr/bin/env python3
import argparse
parser = argparse.ArgumentParser(prog="mow", description="Mow the lawn.")
parser.add_argument("--height-mm", type=int, metavar="N", help="of what is left")
parser.parse_args()
"""


def test_a_command_is_asked_for_everything_but_its_usage(tmp_path: Path) -> None:
    (tmp_path / "mow").write_text(MOW)
    (tmp_path / "mow").chmod(0o755)
    (tmp_path / "notes.txt").touch()
    (helped,) = of(tmp_path).items()
    assert helped[0] == "mow"
    assert helped[1].startswith("Mow the lawn.\n\noptions:")
    assert "--height-mm N" in helped[1]
