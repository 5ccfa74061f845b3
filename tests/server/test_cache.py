"""Triton's response cache: what it answers and what it must not answer."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cronnx import Client, InvalidInput
from cronnx_server.paths import PICTURES
from cronnx_server.serve.addresses import Addresses
from tests.server.efficientnet import EfficientNetRepository
from tests.server.toy import CLASSIFIER, ToyRepository
from tests.server.toy import ENSEMBLE as TOY
from tests.server.triton import running

CACHE = "--cache-config=local,size=67108864"
EXPLICIT = "--model-control-mode=explicit"
COFFEE, CHELSEA = ((PICTURES / f"{name}.jpg").read_bytes() for name in ("coffee", "chelsea"))
ENSEMBLE, NETWORK = EfficientNetRepository.ensemble, EfficientNetRepository.classifier


@dataclass(frozen=True)
class Counts:
    """How many batches a model version ran, and its hits and misses of the cache."""

    executions: int
    hits: int
    misses: int


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0, and a toy whose version 2 fails; both classifiers are cached."""
    folder = tmp_path_factory.mktemp("repository")
    EfficientNetRepository(folder).write()
    toy = ToyRepository(folder)
    toy.write()
    toy.write_version_that_fails(2)
    config = folder / CLASSIFIER / "config.pbtxt"
    config.write_text(f"{config.read_text()}\nresponse_cache {{ enable: true }}\n")
    return folder


@pytest.fixture(scope="module")
def addresses(repository: Path) -> Iterator[Addresses]:
    with running([repository], EXPLICIT, f"--load-model={ENSEMBLE}", f"--load-model={TOY}", CACHE) as addresses:
        yield addresses


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def counts(addresses: Addresses, model_name: str, version: int = 1) -> Counts:
    (entry,) = json.loads(get(f"{addresses.http}/v2/models/{model_name}/versions/{version}/stats"))["model_stats"]
    times = entry["inference_stats"]
    return Counts(entry["execution_count"], times["cache_hit"]["count"], times["cache_miss"]["count"])


def infer(addresses: Addresses, model_name: str, *outputs: str, version: int = 1) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": ["x"]}
    body = {"inputs": [tensor], "outputs": [{"name": name} for name in outputs]}
    url = f"{addresses.http}/v2/models/{model_name}/versions/{version}/infer"
    with urllib.request.urlopen(url, data=json.dumps(body).encode()) as answer:
        return {each["name"]: each["data"] for each in json.load(answer)["outputs"]}


def test_a_picture_that_came_before_is_answered_without_running_the_network(addresses: Addresses) -> None:
    with Client(addresses.grpc) as client:
        before = counts(addresses, NETWORK)
        first, *others = (client.classify(COFFEE) for _ in range(5))
    assert others == [first] * 4
    assert counts(addresses, NETWORK) == Counts(before.executions + 1, hits=4, misses=1)
    assert f'nv_cache_num_hits_per_model{{model="{NETWORK}",version="1"}} 4' in get(addresses.metrics)


def test_a_promotion_is_not_answered_from_the_cache_of_the_version_before(addresses: Addresses) -> None:
    before = [counts(addresses, NETWORK, version).hits for version in (1, 2)]
    with Client(addresses.grpc) as client:
        served_by = [client.classify(CHELSEA).served_by for _ in range(2)]
        for version in ("2", "1"):
            client.promote(ENSEMBLE, version)
            served_by += [client.classify(CHELSEA).served_by for _ in range(2)]
    assert served_by == [f"{ENSEMBLE}/{version}@00000000" for version in (1, 1, 2, 2, 1, 1)]
    after = [counts(addresses, NETWORK, version).hits for version in (1, 2)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 1]


def test_a_picture_that_cannot_be_read_is_refused_for_its_own_reason_every_time(addresses: Addresses) -> None:
    with Client(addresses.grpc) as client:
        for _ in range(3):
            with pytest.raises(InvalidInput, match="expected a JPEG"):
                client.classify(b"no picture")


def test_the_limits_of_the_cache_are_those_documented(repository: Path, addresses: Addresses) -> None:
    toy = ToyRepository(repository)
    old = infer(addresses, toy.ensemble, "served_by")
    toy.write_version(1, weights="11111111")
    with Client(addresses.grpc) as client:
        client.load(CLASSIFIER)
    assert infer(addresses, toy.ensemble, "served_by") == old, "the weights are in the key now"
    assert len(infer(addresses, CLASSIFIER, "label", version=1)) > 1, "the outputs asked for are in the key now"
    with pytest.raises(urllib.error.HTTPError):
        infer(addresses, CLASSIFIER, version=2)
    assert infer(addresses, CLASSIFIER, version=2) == {}, "errors are not kept any more"
