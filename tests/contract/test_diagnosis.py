"""`scripts/doctor` finds nothing wrong with the project's own models."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cronnx_server import environment, repository
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.doctor.diagnosis import diagnose
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories, read
from cronnx_server.paths import ROOT
from cronnx_server.serve.tritonserver import OUR_BACKENDS
from tests.contract import configs

UNAVAILABLE = {"weights"}  # a model whose weights cannot be downloaded: `scripts/serve` leaves it out
MODELS = {configs.folder(path) for path in configs.DEFAULTS}

LAPTOP = Machine(
    cores=2,
    core_limit=2,
    gpus=0,
    shared_memory_free_bytes=2**30,
    python_based=dict.fromkeys((*OUR_BACKENDS, "python"), True),
)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build every version whose weights are available, as `scripts/serve` does."""
    with environment.setup_lock():
        build_missing(None)


def ours(repositories: Repositories) -> Repositories:
    """Leave out what a user added."""
    return Repositories(
        models=tuple(model for model in repositories.models if model.folder in MODELS),
        unreadable={path: why for path, why in repositories.unreadable.items() if configs.folder(path) in MODELS},
        folders=tuple(folder for folder in repositories.folders if folder in MODELS),
    )


def found(profile: str | None, machine: Machine) -> dict[str, list[str]]:
    repositories = ours(read(configs.REPOSITORIES, profile=profile))
    assert {model.config_path for model in repositories.models} >= {*configs.ENSEMBLE_MODELS}
    diagnosis = diagnose(repositories, machine)
    return {
        check: [finding.problem for finding in findings]
        for check, findings in diagnosis.items()
        if findings and check not in UNAVAILABLE
    }


def test_nothing_is_found_on_a_laptop_not_even_a_warning() -> None:
    assert found(None, LAPTOP) == {}


@pytest.mark.parametrize("profile", repository.profiles(configs.REPOSITORIES))
def test_with_a_profile_for_gpus_nothing_is_found_but_ab_tests_of_versions_that_it_does_not_serve(profile: str) -> None:
    problems = found(profile, replace(LAPTOP, gpus=1))
    assert problems.keys() == (set() if profile == "gpu_decoding" else {"routing"})
    unserved = "version 2, which its version_policy does not load"
    assert all(unserved in problem for problem in problems.get("routing", ()))


def test_with_a_profile_for_gpus_a_laptop_is_told_that_it_has_none() -> None:
    (problem,) = {*found("cuda", LAPTOP)["gpus"]}
    assert problem == "an instance_group of KIND_GPU, and no GPU"


def test_the_doctor_finds_no_error_on_this_machine() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "doctor"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True)
    errors = [finding for finding in json.loads(ended.stdout) if finding["severity"] == "error"]
    ours = [finding for finding in errors if MODELS & {Path(finding["path"]), *Path(finding["path"]).parents}]
    assert [finding for finding in ours if finding["check"] not in UNAVAILABLE] == []
    assert ended.returncode == bool(errors)
