"""That nothing is wrong with the project's own repositories, in the words of `scripts/doctor`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cronnx_server import environment, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.doctor.diagnosis import diagnose
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import read
from cronnx_server.paths import ROOT
from cronnx_server.serve.tritonserver import OUR_BACKENDS
from tests.contract import configs

NOT_TO_BE_HAD = {"weights"}  # of a model whose source cannot be reached: `scripts/serve` leaves it out

LAPTOP = Machine(
    cores=2,
    core_limit=2,
    gpus=0,
    shared_memory_free_bytes=2**30,
    python_based=dict.fromkeys((*OUR_BACKENDS, "python"), True),
)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Every version that can be had is there, as it is before a server starts."""
    with environment.setup_lock():
        build_missing(None)


@pytest.mark.parametrize("profile", [None, *repository.profiles(configs.REPOSITORIES)])
def test_nothing_is_found_on_a_laptop_not_even_a_warning(profile: str | None) -> None:
    repositories = read(configs.REPOSITORIES, profile=profile)
    assert {model.config_path for model in repositories.models} >= {*configs.ENSEMBLE_MODELS}
    found = diagnose(repositories, LAPTOP)
    assert {check: findings for check, findings in found.items() if findings and check not in NOT_TO_BE_HAD} == {}


def test_the_doctor_finds_no_error_on_this_machine() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "doctor"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True)
    errors = [finding for finding in json.loads(ended.stdout) if finding["severity"] == "error"]
    assert [finding for finding in errors if finding["check"] not in NOT_TO_BE_HAD] == []
    assert ended.returncode == bool(errors)
