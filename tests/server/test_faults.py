"""`scripts/serve` under load when a process dies or hangs, or memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import Client, CronnxError
from cronnx_lab.faults.faults import faults
from cronnx_lab.faults.recovery import inject
from cronnx_lab.faults.service import Service
from tests.server.polling import until
from tests.server.toy import CLASSIFIER, ENSEMBLE, ToyRepository

# Triton never answers requests that wait in a killed process of `preprocess`: the client's deadline ends them.
TYPED = {"ConnectionFailed", "DeadlineExceeded", "NotReady", "ServerFault"}
# The unit tests of the build have their own full disk.
NAMES = [each.name for each in faults([CLASSIFIER], repository=Path()) if "built" not in each.name]


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
    (fault,) = (each for each in faults([CLASSIFIER], repository=served.repository.folder) if each.name == name)
    url, image = served.service.addresses.grpc, ToyRepository.image
    recovery = inject(fault, served.service, url=url, model_name=ENSEMBLE, image=image)
    assert recovery.recovered_s is not None
    assert recovery.answered > 0
    assert {*recovery.failed, *recovery.failed_retrying} <= TYPED
    until(lambda: count_regions(served.service) <= len(served.service.server().children()), what="no region is left")


def count_regions(service: Service) -> int:
    return len(list(service.shared_memory.glob("triton_*_*-*")))


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
