"""The commands and the code of the READMEs, run as they are except for the ports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT
from tests.server.conftest import Served

README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(README)
CLIENT_BLOCKS = BLOCK.findall((ROOT / "client" / "README.md").read_text())
ROUTER_BLOCKS = BLOCK.findall((ROOT / "router_backend" / "README.md").read_text())
COMMANDS = [text for language, text in BLOCKS if language == "bash"]
SHOWN_ANSWER = json.loads(next(text for language, text in BLOCKS if language == "json"))
START, TEST, CURL, CRONNX, ADD_MODEL = COMMANDS  # ADD_MODEL runs in test_add_model.py
LOADTEST_BLOCKS = BLOCK.findall((ROOT / "docs" / "loadtest.md").read_text())
(LOADTEST,) = (text for language, text in LOADTEST_BLOCKS if language == "bash")
PERF_ANALYZER_BLOCKS = BLOCK.findall((ROOT / "docs" / "perf_analyzer.md").read_text())
(PERF_ANALYZER,) = (text for language, text in PERF_ANALYZER_BLOCKS if language == "bash")

# Windows of some requests, because a window of some time may pass without an answer.
BRIEFLY = "--measurement-mode=count_windows --measurement-request-count=8 --max-trials=3 --stability-percentage=10000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the README's relative paths lead to the project's files."""
    for name in ("scripts", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(command: list[str], text: str, served: Served, folder: Path) -> str:
    for default, actual in (
        ("localhost:8000", f"localhost:{served.addresses.http_port}"),
        ("127.0.0.1:8000", f"127.0.0.1:{served.addresses.http_port}"),
        ("127.0.0.1:8001", f"127.0.0.1:{served.addresses.grpc_port}"),
    ):
        text = text.replace(default, actual)
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "CRONNX_URL": served.addresses.grpc, "PATH": path}
    ended = subprocess.run(
        [*command, text], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_commands_exist() -> None:
    for command in (START, TEST, ADD_MODEL, LOADTEST, PERF_ANALYZER):
        assert os.access(ROOT / command.split()[0], os.X_OK)


def test_the_curl_call_gives_the_answer_shown(served: Served, folder: Path) -> None:
    answer = json.loads(run(["bash", "-euc"], CURL, served, folder))
    shown_scores = SHOWN_ANSWER["score"]
    assert [round(score, 3) for score in answer["score"]] == pytest.approx(shown_scores, abs=0.002)
    for field in ("label", "class_id", "served_by"):
        assert answer[field] == SHOWN_ANSWER[field]


def test_the_command_line_names_both_pictures(served: Served, folder: Path) -> None:
    coffee, chelsea = run(["bash", "-euc"], CRONNX, served, folder).splitlines()
    assert re.match(r"scripts/pictures/coffee\.jpg +espresso +\d+\.\d% +efficientnet_lite2/1@9656183e$", coffee)
    assert chelsea.startswith("scripts/pictures/chelsea.jpg")


def test_the_load_test_answers_every_request_and_reports(served: Served, folder: Path) -> None:
    untimed = (
        "--max-p99-ms inf --max-p95-ratio inf --max-p99-ratio inf --min-throughput 0 --duration-s 2 --reports reports"
    )
    printed = run(["bash", "-euc"], f"{LOADTEST.strip()} {untimed}", served, folder)
    assert re.search(r"^efficientnet_lite0: failed requests .* 0 of [1-9]\d* +met$", printed, re.MULTILINE)
    assert {path.name for path in (folder / "reports").iterdir()} == {"burst.html", "burst.json"}


def test_perf_analyzer_measures_the_ensemble_over_grpc(served: Served, folder: Path) -> None:
    call = f"{PERF_ANALYZER.strip()} --url grpc://127.0.0.1:8001 -- {BRIEFLY}"
    printed = run(["bash", "-euc"], call, served, folder)
    assert re.search(r"^Concurrency: 8, throughput: [1-9]", printed, re.MULTILINE)


def test_the_call_that_is_printed_measures_a_network_over_http(served: Served, folder: Path) -> None:
    options = "--model efficientnet_lite0_onnx --concurrency 1 --url http://127.0.0.1:8000 --dry-run"
    call = run(["bash", "-euc"], f"{PERF_ANALYZER.split()[0]} {options} -- {BRIEFLY}", served, folder)
    assert re.search(r"^Concurrency: 1, throughput: [1-9]", run(["bash", "-euc"], call, served, folder), re.MULTILINE)


def test_the_routers_commands_ask_as_a_user_and_change_the_weights(served: Served, folder: Path) -> None:
    ask, split = (text for language, text in ROUTER_BLOCKS if language == "bash")
    answer = json.loads(run(["bash", "-euc"], ask, served, folder))
    assert answer["served_by"].startswith("efficientnet_lite0/")
    printed = run(["bash", "-euc"], split, served, folder)
    assert printed == "efficientnet_lite0_ab  efficientnet_lite0_onnx/1=80 efficientnet_lite0_onnx/2=20\n"


def test_the_python_code_prints_the_answer(served: Served, folder: Path) -> None:
    (code,) = (text for language, text in BLOCKS if language == "python")
    assert run([sys.executable, "-c"], code, served, folder).startswith("espresso 0.9")


@pytest.fixture
def folder_of_pictures(tmp_path: Path, pictures: dict[str, Path]) -> Path:
    """A folder with the `cat.jpg`, `dog.jpg` and `photos` of the client's README."""
    (tmp_path / "photos").mkdir()
    for name, picture in (("cat.jpg", "chelsea"), ("dog.jpg", "coffee"), ("photos/rocket.jpg", "rocket")):
        (tmp_path / name).symlink_to(pictures[picture])
    return tmp_path


def test_the_clients_synchronous_code_runs(served: Served, folder_of_pictures: Path) -> None:
    code, *_ = (text for language, text in CLIENT_BLOCKS if language == "python")
    printed = run([sys.executable, "-c"], code, served, folder_of_pictures)
    assert re.fullmatch(r".* 0\.\d+ efficient.*\ncat\.jpg .*\ndog\.jpg espresso\nnone\.jpg cannot read .*\n", printed)


def test_the_clients_asynchronous_code_runs(served: Served, folder_of_pictures: Path) -> None:
    _, code, *_ = (text for language, text in CLIENT_BLOCKS if language == "python")
    printed = run([sys.executable, "-c"], code, served, folder_of_pictures)
    assert printed.startswith("(1, 1000) [")
    assert "'efficientnet_lite0'" in printed


def test_the_clients_commands_run(served: Served, folder_of_pictures: Path) -> None:
    commands, _ = (text for language, text in CLIENT_BLOCKS if language == "bash")
    printed = run(["bash", "-euc"], commands, served, folder_of_pictures)
    assert "espresso" in printed
    assert len((folder_of_pictures / "answers.jsonl").read_text().splitlines()) == 1


def test_every_folder_and_link_named_exists() -> None:
    linked = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in target]
    tabled = re.findall(r"^\| \[?`([^`]+)`", README, re.MULTILINE)
    assert len(tabled) >= 20
    assert [path for path in (*linked, *tabled) if not (ROOT / path).exists()] == []
