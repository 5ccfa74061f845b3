"""`scripts/serve` when what it has started dies, stops or runs out of something, under load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import Client, CronnxError
from cronnx_lab.faults import drill
from cronnx_lab.faults.drills import drills
from cronnx_lab.faults.service import Service
from tests.server.polling import until
from tests.server.toy import CLASSIFIER, ENSEMBLE, ToyRepository

# What waited in a process of `preprocess` that is killed, Triton answers never: the client's deadline does.
TYPED = {"ConnectionFailed", "DeadlineExceeded", "NotReady", "ServerFault"}
# Of a model that is built: the unit tests of the build have their own full disk.
NAMES = [each.name for each in drills([CLASSIFIER], repository=Path()) if "built" not in each.name]


@dataclass(frozen=True)
class Served:
    service: Service
    repository: ToyRepository


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    repository = ToyRepository(tmp_path_factory.mktemp("repository"))
    repository.write()
    log = tmp_path_factory.mktemp("log") / "faults.log"
    service = Service([f"--model-repository={repository.folder}", "--", "--exit-timeout-secs=2"], log)
    try:
        service.wait_until_ready()
        yield Served(service, repository)
    finally:
        service.stop()


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_recovered_from_and_no_request_is_lost(served: Served, name: str) -> None:
    (fault,) = (each for each in drills([CLASSIFIER], repository=served.repository.folder) if each.name == name)
    url, image = served.service.addresses.grpc, ToyRepository.image
    outcome = drill.run(fault, served.service, url=url, model_name=ENSEMBLE, image=image)
    assert outcome.recovered_s is not None
    assert outcome.answered > 0
    assert {*outcome.failed, *outcome.failed_retrying} <= TYPED
    assert len(list(served.service.shared_memory.glob("triton_*_*-*"))) <= len(served.service.server().children())


def test_a_promotion_outlives_a_stub(served: Served) -> None:
    with Client(served.service.addresses.http) as client:
        client.promote(ENSEMBLE, "2")
        for stub in served.service.stubs():
            stub.kill()

        def served_by() -> str:
            try:
                return client.classify(ToyRepository.image, model_name=ENSEMBLE).served_by
            except CronnxError:
                return ""

        until(lambda: served_by() == "toy/2@00000000", what="the promoted version answers again")
