"""A set-up without a network, in a copy of the project that has nothing installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses
from tests.server.conftest import ports

NOBODY_LISTENS = "http://127.0.0.1:9/simple"


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    """A copy of the files that git does not ignore, as in a fresh clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name, follow_symlinks=False)
    return tmp_path


def serve_without_network(folder: Path) -> subprocess.CompletedProcess[str]:
    unreachable = {
        "PIP_INDEX_URL": NOBODY_LISTENS,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return subprocess.run(
        [str(Path(sys.base_prefix, "bin", "python3")), str(folder / "scripts" / "serve"), *ports(free_addresses())],
        env={**environment, **unreachable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_a_network_the_start_ends_in_one_clear_line_every_time(fresh_copy: Path) -> None:
    for attempt in ("fresh", "after a half-finished set-up"):
        ended = serve_without_network(fresh_copy)
        assert ended.returncode == 1, attempt
        assert "Traceback" not in ended.stderr
        *steps, line = ended.stderr.splitlines()
        assert all(step.startswith(("==> ", "    ")) for step in steps), steps
        assert line.startswith("serve: cannot install uv: the package index cannot be reached")
