"""Models swapped again and again under load; `--hot-swap-seconds=60 -s` swaps every 2 s and tells how it went."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from cronnx import AsyncClient
from tests.server.efficientnet import EfficientNetRepository
from tests.server.swap_load import CONCURRENCY, SwapLoad, under_load
from tests.server.toy import ToyRepository
from tests.server.triton import running

KINDS_OF_SWAP = 4
Repository: TypeAlias = ToyRepository | EfficientNetRepository


@pytest.fixture(params=[ToyRepository, EfficientNetRepository], ids=["toy", "efficientnet_lite0"])
def swapped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Repository, str]]:
    """A repository and the address of its own server."""
    repository: Repository = request.param(tmp_path)
    repository.write()
    with running([tmp_path], "--model-control-mode=explicit", f"--load-model={repository.ensemble}") as addresses:
        yield repository, addresses.grpc


def test_no_request_fails_while_models_are_swapped_again_and_again(
    swapped: tuple[Repository, str], request: pytest.FixtureRequest
) -> None:
    repository, url = swapped
    seconds = request.config.getoption("--hot-swap-seconds")
    print("\n", asyncio.run(swap_again_and_again(repository, url, seconds=seconds)))  # with pytest -s


async def swap_again_and_again(repository: Repository, url: str, *, seconds: float) -> str:
    loaded = under_load(url, repository.ensemble, image=repository.image, live=f"{repository.ensemble}/1@00000000")
    async with loaded as load, AsyncClient(url) as client:
        started_at = time.monotonic()
        for number in itertools.count(1):
            await swap_once(number, repository, load, client)
            await load.go_on(answers=2 * CONCURRENCY)
            if number >= KINDS_OF_SWAP and time.monotonic() - started_at >= seconds:
                break
            await asyncio.sleep(max(0.0, started_at + number * seconds / 30 - time.monotonic()))
    return str(load)


async def swap_once(number: int, repository: Repository, load: SwapLoad, client: AsyncClient) -> None:
    """Promote 2, reload its weights, promote 1, and override the classifier's configuration, in turn."""
    ensemble, classifier, weights = repository.ensemble, repository.classifier, f"{number // KINDS_OF_SWAP:08x}"
    if number % KINDS_OF_SWAP == 1:
        with load.swap("promote", f"{ensemble}/2@{weights}"):
            await client.promote(ensemble, "2")
    elif number % KINDS_OF_SWAP == 2:
        new = await asyncio.to_thread(repository.write_version, 2, weights=f"{number // KINDS_OF_SWAP + 1:08x}")
        with load.swap("new weights", new):
            await client.load(classifier)
    elif number % KINDS_OF_SWAP == 3:
        with load.swap("promote", f"{ensemble}/1@00000000"):
            await client.promote(ensemble, "1")
    else:
        config = await client._session.model_config(classifier)
        batching = {**config["dynamic_batching"], "max_queue_delay_microseconds": number}
        with load.swap("config override", f"{ensemble}/1@00000000"):
            changed = json.dumps({**config, "dynamic_batching": batching})
            await client._session.load_model(classifier, config=changed)
