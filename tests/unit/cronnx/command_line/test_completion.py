from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_is_told_every_command(cronnx: Command, capsys: Output, shell: str) -> None:
    assert cronnx(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("classify", "models", "unload", "stats", "bench", "--top-k"))


def test_bash_completes_commands_options_and_files(cronnx: Command, capsys: Output, tmp_path: Path) -> None:
    cronnx(["completion", "bash"])
    script = capsys.readouterr().out

    def completed(*words: str) -> set[str]:
        setup = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
        call = '_shtab_cronnx cronnx "${COMP_WORDS[COMP_CWORD]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        bash = str(shutil.which("bash"))
        ended = subprocess.run(
            [bash, "-c", f"{script}\n{setup}\n{call}"], capture_output=True, text=True, cwd=str(tmp_path)
        )
        return set(ended.stdout.split())

    (tmp_path / "cat.jpg").touch()
    assert {"classify", "completion", "models"} <= completed("cronnx", "")
    assert completed("cronnx", "classify", "--conc") == {"--concurrency"}
    assert "cat.jpg" in completed("cronnx", "classify", "ca")
