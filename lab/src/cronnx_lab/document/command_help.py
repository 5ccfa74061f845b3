"""What each script says of its options, by the script itself."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WIDTH = "100"


def of(scripts: Path) -> dict[str, str]:
    """The description and the options of every command in a folder, by name."""
    commands = [path for path in sorted(scripts.iterdir()) if path.is_file() and os.access(path, os.X_OK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip((path.name for path in commands), threads.map(_help, commands), strict=True))


def _help(script: Path) -> str:
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"}
    command = [sys.executable, str(script), "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    _, *paragraphs = text.rstrip().split("\n\n")  # usage is wrapped otherwise by every version of Python
    return "\n\n".join(each for each in paragraphs if not each.startswith(("examples:", "exit status:")))
