"""`scripts/healthcheck` against a healthy server and against one whose stubs are killed."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, ROOT
from tests.server import echo
from tests.server.conftest import Served
from tests.server.toy import ToyRepository
from tests.server.triton import Triton, started

INSTANCES = 2


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    folder = tmp_path_factory.mktemp("repository")
    ToyRepository(folder).write()
    echo.write(folder)
    (folder / "echo" / "config.pbtxt").write_text(echo.CONFIG.replace("count: 1", f"count: {INSTANCES}"))
    with started([folder]) as triton:
        yield triton


def checked(url: str, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit status and the lines about models."""
    command = [sys.executable, str(ROOT / "scripts" / "healthcheck"), "--url", url, "--timeout-s", "60", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stderr == ""
    server, *models = ended.stdout.splitlines()
    assert server.startswith("ok      server")
    return ended.returncode, models


def kill_a_stub_of(triton: Triton, model_name: str) -> None:
    stub = triton.stubs(f"/{model_name}/")[0]
    ended = os.pidfd_open(stub.pid)  # the server does not reap it, so to psutil it stays alive
    stub.kill()
    select.select([ended], [], [])
    os.close(ended)


def test_every_ensemble_of_a_whole_server_is_asked_and_answers(served: Served) -> None:
    status, lines = checked(served.addresses.http)
    assert (status, {line.split()[0] for line in lines}) == (0, {"ok"})
    asked = {line.split()[1] for line in lines}
    assert {"efficientnet_lite0", "efficientnet_lite0_ab"} <= asked <= set(repository.models(ENSEMBLES))


def test_one_dead_stub_of_several_is_reported_every_time(triton: Triton) -> None:
    kill_a_stub_of(triton, echo.MODEL_NAME)
    for _ in range(3):
        status, (line,) = checked(triton.addresses.http, "--models", echo.MODEL_NAME)
        assert status == 1
        assert line.startswith(f"failed  {echo.MODEL_NAME}: HTTP 500: Stub process '{echo.MODEL_NAME}_0_")


def test_a_dead_stub_of_an_ensembles_step_is_reported_with_the_step(triton: Triton) -> None:
    ensemble, step = ToyRepository.ensemble, ToyRepository.classifier
    status, (line,) = checked(triton.addresses.http, "--models", ensemble)
    assert (status, line.split()[:2]) == (0, ["ok", ensemble])
    for version in (1, 2):
        kill_a_stub_of(triton, f"{step}/{version}")
    status, (line,) = checked(triton.addresses.http, "--models", ensemble)
    assert status == 1
    assert line.startswith(f"failed  {ensemble}: HTTP 500: in ensemble '{ensemble}', Stub process '{step}_")
