from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_router.arms import Arm
from cronnx_router.decisions import decided_arms
from cronnx_router.options import Options
from tests.unit.cronnx_router.test_options import config

DECISION = {"configured": "net/1=90 net/2=10", "in_force": "net/1=0 net/2=100"}


@pytest.fixture
def kept(tmp_path: Path) -> str:
    path = tmp_path / "8000.json"
    path.write_text(json.dumps({"ab": DECISION}))
    return str(path)


def test_a_router_has_the_arms_that_were_decided(kept: str) -> None:
    assert decided_arms(kept, "ab", DECISION["configured"]) == DECISION["in_force"]


def test_a_split_of_the_running_server_wins_over_what_was_decided_before(kept: str) -> None:
    described = {"name": "ab", **config(arms=DECISION["configured"])}
    assert Options.from_model_config(described, decisions=kept).weights == {Arm("net", 1): 0, Arm("net", 2): 100}
    described = {"name": "ab", **config(arms=DECISION["configured"], configured=DECISION["configured"])}
    assert Options.from_model_config(described, decisions=kept).weights == {Arm("net", 1): 90, Arm("net", 2): 10}


def test_arms_that_are_new_in_the_file_win(kept: str) -> None:
    assert decided_arms(kept, "ab", "net/1=50 net/3=50") == "net/1=50 net/3=50"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ab": null}', '{"ab": {"in_force": "net/1=1"}}'])
def test_a_file_that_says_nothing_about_a_router_changes_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "kept.json").write_text(content)
    for path in ("", str(tmp_path / "absent.json"), str(tmp_path / "kept.json")):
        assert decided_arms(path, "ab", "net/1=1") == "net/1=1"
