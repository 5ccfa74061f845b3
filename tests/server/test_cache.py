"""The cache of `scripts/serve --cache`: what it answers and what it must not answer."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cronnx import Client, InvalidInput
from cronnx_onnxruntime.cache import VARIABLE
from cronnx_server.paths import PICTURES
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.options import MODEL_CONTROL
from tests.server.efficientnet import EfficientNetRepository
from tests.server.toy import CLASSIFIER, ToyRepository
from tests.server.toy import ENSEMBLE as TOY
from tests.server.triton import running

COFFEE, CHELSEA = ((PICTURES / f"{name}.jpg").read_bytes() for name in ("coffee", "chelsea"))
ENSEMBLE, NETWORK = EfficientNetRepository.ensemble, EfficientNetRepository.classifier


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 and a toy, whose classifiers are cached."""
    folder = tmp_path_factory.mktemp("repository")
    EfficientNetRepository(folder).write()
    ToyRepository(folder).write()
    config = folder / CLASSIFIER / "config.pbtxt"
    config.write_text(f"{config.read_text()}\nresponse_cache {{ enable: true }}\n")
    return folder


@pytest.fixture(scope="module")
def addresses(repository: Path) -> Iterator[Addresses]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, str(64 * 2**20))
        with running([repository], *MODEL_CONTROL, f"--load-model={ENSEMBLE}", f"--load-model={TOY}") as addresses:
            yield addresses


@pytest.fixture
def client(addresses: Addresses) -> Iterator[Client]:
    with Client(addresses.grpc) as client:
        yield client


def counts(addresses: Addresses, model_name: str) -> dict[str, float]:
    """Return the hits and misses of the cache of a network's version 1."""
    with urllib.request.urlopen(addresses.metrics) as page:
        lines = [line.decode() for line in page if line.startswith(b"cronnx_cache_requests_total")]
    ours = [line for line in lines if f'model="{model_name}"' in line and 'version="1"' in line]
    return {outcome: float(count) for outcome, count in re.findall(r'outcome="(\w+)".*} (\S+)', "\n".join(ours))}


def test_a_picture_that_came_before_is_answered_without_running_the_network(
    client: Client, addresses: Addresses
) -> None:
    before = counts(addresses, NETWORK)  # the warm-up's
    first, *others = (client.classify(COFFEE) for _ in range(5))
    assert others == [first] * 4
    assert counts(addresses, NETWORK) == {"hit": before["hit"] + 4, "miss": before["miss"] + 1}


def test_a_promotion_is_not_answered_from_the_cache_of_the_version_before(client: Client) -> None:
    served_by = [client.classify(CHELSEA).served_by for _ in range(2)]
    for version in ("2", "1"):
        client.promote(ENSEMBLE, version)
        served_by += [client.classify(CHELSEA).served_by for _ in range(2)]
    assert served_by == [f"{ENSEMBLE}/{version}@00000000" for version in (1, 1, 2, 2, 1, 1)]


def test_a_picture_that_cannot_be_read_is_refused_for_its_own_reason_every_time(client: Client) -> None:
    for _ in range(3):
        with pytest.raises(InvalidInput, match="expected a JPEG"):
            client.classify(b"no picture")


def test_asking_a_network_for_other_outputs_leaves_the_ensembles_answer_whole(client: Client) -> None:
    image = {"image": np.array([[b"victim"]], dtype=object)}
    for outputs in (["score"], ["label"]):
        assert client.infer(CLASSIFIER, image, outputs=outputs, model_version="1").keys() == set(outputs)
    assert [client.classify(b"victim", model_name=TOY).label for _ in range(2)] == ["victim"] * 2


def test_new_weights_under_an_old_version_number_answer_at_once(client: Client, repository: Path) -> None:
    before = client.classify(b"x", model_name=TOY).served_by
    after = ToyRepository(repository).write_version(1, weights="11111111")
    client.load(CLASSIFIER)
    assert (before, client.classify(b"x", model_name=TOY).served_by) == ("toy/1@00000000", after)
