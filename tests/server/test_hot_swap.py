"""Versions, weights and configurations are swapped under load without a failed request."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import AsyncClient, Client, InvalidInput, ModelNotFound, Promotion, ServerFault
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.options import MODEL_CONTROL
from tests.server.swap_load import under_load
from tests.server.test_readme import CLIENT_BLOCKS
from tests.server.toy import CLASSIFIER, ENSEMBLE, ToyRepository
from tests.server.triton import running

V1, V2 = "toy/1@00000000", "toy/2@00000000"


@dataclass(frozen=True)
class Toy:
    """A running server and the repository it serves."""

    repository: ToyRepository
    addresses: Addresses

    def classifier_files(self) -> dict[Path, bytes]:
        """Return the content of each file of the classifier."""
        folder = self.repository.folder / CLASSIFIER
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    repository = ToyRepository(tmp_path_factory.mktemp("repository"))
    repository.write()
    with running([repository.folder], *MODEL_CONTROL, f"--load-model={ENSEMBLE}") as addresses:
        yield Toy(repository, addresses)


@pytest.fixture
def toy(server: Toy) -> Iterator[Toy]:
    """The server, which is reset after the test to versions 1 and 2, of which 1 is live."""
    before = server.classifier_files()
    yield server
    changed = server.classifier_files() != before
    shutil.rmtree(server.repository.folder / ENSEMBLE)
    if changed:
        shutil.rmtree(server.repository.folder / CLASSIFIER)
        server.repository.write()
    else:
        server.repository.write_ensemble()
    with Client(server.addresses.grpc) as client:
        if changed:
            client.unload(ENSEMBLE)  # it may be promoted to a version that is gone now
            client.load(CLASSIFIER)
        client.load(ENSEMBLE)


@pytest.fixture(params=["grpc", "http"])
def url(request: pytest.FixtureRequest, toy: Toy) -> str:
    return str(getattr(toy.addresses, request.param))


def cronnx(toy: Toy, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cronnx", *arguments, f"--url={toy.addresses.grpc}"]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def test_a_version_is_promoted_and_rolled_back_under_load(url: str) -> None:
    async def swap() -> None:
        async with under_load(url, ENSEMBLE, live=V1) as load, AsyncClient(url) as client:
            with load.swap("promote", V2):
                assert await client.promote(ENSEMBLE, "2") == Promotion(ENSEMBLE, "2", previous_version="1")
            await load.go_on()
            with load.swap("promote", V1):
                assert await client.rollback(ENSEMBLE) == Promotion(ENSEMBLE, "1", previous_version=None)

    asyncio.run(swap())


def test_new_weights_in_the_same_folder_are_loaded_under_load(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1) as load, AsyncClient(toy.addresses.grpc) as client:
            with load.swap("new weights", toy.repository.write_version(1, weights="11111111")):
                await client.load(CLASSIFIER)

    asyncio.run(swap())


def test_a_new_version_is_loaded_and_promoted_and_the_old_one_removed_under_load(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1) as load, AsyncClient(toy.addresses.grpc) as client:
            new = toy.repository.write_version(3)
            with pytest.raises(ModelNotFound, match=rf"{CLASSIFIER}/3 is .*; versions that are ready: 1, 2"):
                await client.promote(ENSEMBLE, "3")
            await client.load(CLASSIFIER)
            await load.go_on()
            with load.swap("promote", new):
                await client.promote(ENSEMBLE, "3")
            toy.repository.remove_version(1)
            await client.load(CLASSIFIER)
            await load.go_on()
            assert not await client.is_ready(CLASSIFIER, model_version="1")
            with pytest.raises(ModelNotFound, match=f"{CLASSIFIER}/1 is UN.*; versions that are ready: 2, 3"):
                await client.rollback(ENSEMBLE)

    asyncio.run(swap())


def test_a_changed_config_is_loaded_under_load_and_the_promotion_stays(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1) as load, AsyncClient(toy.addresses.grpc) as client:
            with load.swap("promote", V2):
                await client.promote(ENSEMBLE, "2")
            toy.repository.write_config(max_queue_delay_microseconds=50)
            await client.load(CLASSIFIER)
            config = await client._session.model_config(CLASSIFIER)
            assert int(config["dynamic_batching"]["max_queue_delay_microseconds"]) == 50

    asyncio.run(swap())


def test_a_version_that_does_not_load_says_why_and_leaves_the_live_one(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1) as load, AsyncClient(toy.addresses.grpc) as client:
            for version in (1, 3):  # the live one and a new one
                toy.repository.corrupt_version(version)
            with pytest.raises(ServerFault, match=r"cannot load model\.onnx"):
                await client.load(CLASSIFIER)
            await load.go_on()
            toy.repository.write_version(1)
            toy.repository.remove_version(3)
            await client.load(CLASSIFIER)

    asyncio.run(swap())


def test_the_server_stays_ready_while_a_version_loads_and_after_one_that_does_not(toy: Toy) -> None:
    async def add(version: int, client: AsyncClient) -> None:
        loading = asyncio.create_task(client.load(CLASSIFIER))
        states = set()
        while not loading.done():
            assert await client.is_server_ready()
            states |= {model.state for model in await client.models() if model.version == str(version)}
        await loading
        assert "LOADING" in states, "too fast to be seen"

    async def add_versions() -> None:
        async with AsyncClient(toy.addresses.grpc) as client:
            toy.repository.write_version(3)
            await add(3, client)
            toy.repository.corrupt_version(4)
            with pytest.raises(ServerFault, match=r"cannot load model\.onnx"):
                await add(4, client)
            assert await client.is_server_ready()
            assert (await client.classify(b"x", model_name=ENSEMBLE)).served_by == V1

    asyncio.run(add_versions())


def test_a_version_that_loads_but_does_not_answer_is_never_live(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1), AsyncClient(toy.addresses.grpc) as client:
            toy.repository.write_version_that_fails(2)
            await client.load(CLASSIFIER)
            with pytest.raises(ServerFault, match="out of data bounds") as caught:
                await client.promote(ENSEMBLE, "2")
            assert caught.value.model_name == CLASSIFIER

    asyncio.run(swap())


def test_a_promotion_while_the_classifier_reloads_costs_no_request(toy: Toy) -> None:
    async def swap() -> None:
        async with under_load(toy.addresses.grpc, ENSEMBLE, live=V1) as load, AsyncClient(toy.addresses.grpc) as client:
            toy.repository.write_version(2)
            with load.swap("promote", V2):
                await asyncio.gather(client.load(CLASSIFIER), client.promote(ENSEMBLE, "2"))

    asyncio.run(swap())


def test_a_promotion_outlives_its_steps_reload_and_ends_with_a_newer_file(toy: Toy) -> None:
    with Client(toy.addresses.grpc) as client:
        client.promote(ENSEMBLE, "2")
        toy.repository.write_version(1, weights="11111111")
        client.load(CLASSIFIER)
        client.load(ENSEMBLE)
        assert client.classify(b"x", model_name=ENSEMBLE).served_by == V2
        (toy.repository.folder / ENSEMBLE / "config.pbtxt").touch()
        client.load(ENSEMBLE)
        assert client.classify(b"x", model_name=ENSEMBLE).served_by == "toy/1@11111111"


def test_a_refused_promotion_changes_nothing(url: str) -> None:
    with Client(url) as client:
        for change in (lambda: client.promote(CLASSIFIER, "2"), lambda: client.rollback(ENSEMBLE)):
            with pytest.raises(InvalidInput):
                change()
        with pytest.raises(ModelNotFound, match="nonesuch"):
            client.promote("nonesuch", "2")
        assert client.classify(b"x", model_name=ENSEMBLE).served_by == V1


def test_the_command_line_promotes_rolls_back_and_shows_what_is_live(toy: Toy) -> None:
    assert cronnx(toy, "promote", ENSEMBLE, "2").stdout == "toy  version 2 is live (rollback: 1)\n"
    listed = [line.split() for line in cronnx(toy, "models").stdout.splitlines()]
    assert ["toy_onnx", "1", "READY"] in listed
    assert ["toy_onnx", "2", "READY", "toy", "(config.pbtxt:", "1)"] in listed
    assert cronnx(toy, "rollback", ENSEMBLE).stdout == "toy  version 1 is live\n"
    again = cronnx(toy, "rollback", ENSEMBLE)
    assert (again.returncode, again.stdout) == (1, "")
    assert "there is no version to go back to" in again.stderr
    assert cronnx(toy, "promote", ENSEMBLE, "2").returncode == 0
    assert cronnx(toy, "reset", ENSEMBLE).stdout == "toy  as in config.pbtxt\n"
    assert ["toy_onnx", "1", "READY", "toy"] in [line.split() for line in cronnx(toy, "models").stdout.splitlines()]


def test_a_version_is_tried_without_a_promotion(url: str) -> None:
    with Client(url) as client:
        answers = [client.classify(b"x", model_name=ENSEMBLE, model_version=version) for version in ("", 2, "")]
        assert [answer.served_by for answer in answers] == [V1, V2, V1]
        client.promote(ENSEMBLE, 2)
        assert client.classify(b"x", model_name=ENSEMBLE, model_version=1).served_by == V1


def test_the_clients_readme_promotes_and_rolls_back(toy: Toy) -> None:
    _, commands = (text for language, text in CLIENT_BLOCKS if language == "bash")
    for line in commands.replace("efficientnet_lite0", ENSEMBLE).splitlines():
        command, *arguments = line.split()
        ended = cronnx(toy, *arguments)
        assert (command, ended.returncode, ended.stderr) == ("cronnx", 0, "")


def test_the_command_line_keeps_a_step_and_names_ensembles_that_a_load_broke(toy: Toy) -> None:
    kept = cronnx(toy, "unload", CLASSIFIER)
    assert (kept.returncode, kept.stderr) == (1, "cronnx: toy_onnx: needed by toy: unload that first\n")
    toy.repository.remove_version(1)
    lost = cronnx(toy, "load", CLASSIFIER)
    assert lost.returncode == 1
    assert "no longer ready: toy;" in lost.stderr


def test_a_server_without_explicit_model_control_says_how_to_start_it(tmp_path: Path) -> None:
    repository = ToyRepository(tmp_path)
    repository.write()
    with running([tmp_path]) as addresses:
        for url in (addresses.grpc, addresses.http):
            with Client(url) as client:
                with pytest.raises(InvalidInput, match="start the server with --model-control-mode=explicit"):
                    client.promote(ENSEMBLE, "2")
                assert client.classify(b"x", model_name=ENSEMBLE).served_by == V1
