from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.add_model.__main__ import main
from cronnx_server.graphs.heads.detection_formats import FORMATS
from cronnx_server.paths import ROOT

NOBODY_LISTENS = "http://127.0.0.1:9"


def test_the_help_says_what_the_exit_status_means() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "add_model"), "--help"]
    helped = subprocess.run(command, capture_output=True, text=True)
    assert helped.returncode == 0
    assert "Exit status: 0 the model is added" in helped.stdout


USAGE = {
    "no name": ([], "required: --name"),
    "a mean of bytes": (
        ["--mean", "123.7", "116.3", "103.5"],
        "expected numbers up to 1, got 123.7; divide values for bytes by 255, or say with --scale 1",
    ),
    "a std of 0": (["--std", "0.2", "0", "0.2"], "--std: expected numbers above 0, got 0"),
    "no number": (["--std", "a", "b", "c"], "expected a number, got 'a'"),
    "no size": (["--size", "0"], "expected a whole number from 1 to 65535, got '0'"),
    "a negative delay": (["--max-queue-delay-ms=-1"], "expected milliseconds from 0 to 60000, got -1"),
    "no HTTP": (
        ["--url", "grpc://localhost:8001"],
        "expected http://HOST:PORT or https://HOST:PORT, got 'grpc://localhost:8001'",
    ),
}


@pytest.mark.parametrize(("arguments", "reason"), USAGE.values(), ids=USAGE)
def test_meaningless_options_are_usage_errors(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = [] if reason.startswith("required") else ["--name", "mine"]
    with pytest.raises(SystemExit) as ended:
        main(["none.onnx", *name, *arguments])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert reason in err
    assert out == ""


def test_a_given_server_that_does_not_answer_is_an_error_before_the_file_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["none.onnx", "--name", "mine", "--url", NOBODY_LISTENS]) == 1
    assert capsys.readouterr().err == (
        f"add_model: no server answers at {NOBODY_LISTENS}; start one with scripts/serve, or omit --url\n"
    )


def test_a_file_that_is_no_graph_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.onnx").write_text("no graph")
    assert main([str(tmp_path / "mine.onnx"), "--name", "not_a_graph"]) == 1
    assert (
        capsys.readouterr().err
        == "add_model: mine.onnx is not an ONNX file, or is cut short; export models of other formats to ONNX\n"
    )
    assert not (ROOT / "model_repository" / "not_a_graph_onnx").exists()


def test_every_format_that_an_option_may_name_is_documented() -> None:
    text = (ROOT / "docs" / "add_model.md").read_text(encoding="utf-8")
    named = [name for name in FORMATS if not name.endswith("_nms")]  # those are found in the graph alone
    assert [name for name in named if f"`{name}`" not in text] == []
