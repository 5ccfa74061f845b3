from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cronnx import Client, InvalidInput, ModelNotFound, NotReady, Promotion, Retry, ServerFault
from cronnx._transports.failover import Failover
from tests.unit.cronnx.fake_repository import CLASSIFIER, CONFIG, ENSEMBLE, FakeRepository

AS_CONFIGURED = {**CONFIG, "parameters": {**CONFIG["parameters"], "configured": {"string_value": "1"}}}


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def client(repository: FakeRepository) -> Iterator[Client]:
    with Client(transport=repository, retry=Retry(attempts=1)) as client:
        yield client


def with_steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**CONFIG, "ensemble_scheduling": {"step": steps}}


def test_a_promotion_pins_the_version_and_leaves_all_else(client: Client, repository: FakeRepository) -> None:
    assert client.promote(ENSEMBLE, "2") == Promotion(ENSEMBLE, "2", previous_version="1")
    (loaded,) = repository.loads
    preprocess, classify = loaded.pop("ensemble_scheduling")["step"]
    assert (preprocess, classify["model_version"]) == (CONFIG["ensemble_scheduling"]["step"][0], "2")
    assert loaded.pop("parameters") == {
        **CONFIG["parameters"],
        "promoted_from": {"string_value": "1"},
        "configured": {"string_value": "1"},
    }
    assert loaded == {"name": ENSEMBLE, "platform": "ensemble"}


def test_a_rollback_restores_what_was_there_before(client: Client, repository: FakeRepository) -> None:
    client.promote(ENSEMBLE, "2")
    assert client.rollback(ENSEMBLE) == Promotion(ENSEMBLE, "1", previous_version=None)
    assert repository.config == AS_CONFIGURED


def test_any_client_can_roll_back(client: Client, repository: FakeRepository) -> None:
    client.promote(ENSEMBLE, "2")
    with Client(transport=repository) as another:
        assert another.rollback(ENSEMBLE).version == "1"


def test_a_rollback_sent_twice_does_not_bring_the_version_back(client: Client, repository: FakeRepository) -> None:
    client.promote(ENSEMBLE, "2")
    client.rollback(ENSEMBLE)
    with pytest.raises(InvalidInput, match=f"{ENSEMBLE} serves {CLASSIFIER}/1, which was not promoted"):
        client.rollback(ENSEMBLE)
    assert repository.pinned == "1"


def test_a_promotion_sent_twice_can_still_be_rolled_back(client: Client) -> None:
    client.promote(ENSEMBLE, "2")
    assert client.promote(ENSEMBLE, "2") == Promotion(ENSEMBLE, "2", previous_version="1")
    assert client.rollback(ENSEMBLE).version == "1"


def test_a_rollback_undoes_the_last_promotion(client: Client, repository: FakeRepository) -> None:
    repository.states["3"] = "READY"
    client.promote(ENSEMBLE, "2")
    client.promote(ENSEMBLE, "3")
    assert client.rollback(ENSEMBLE).version == "2"


def test_a_version_that_is_not_loaded_is_refused_with_those_that_are(
    client: Client, repository: FakeRepository
) -> None:
    with pytest.raises(ModelNotFound, match=f"{CLASSIFIER}/7 is not loaded; versions that are ready: 1, 2") as caught:
        client.promote(ENSEMBLE, "7")
    assert caught.value.model_name == CLASSIFIER
    with pytest.raises(ModelNotFound, match=f"{CLASSIFIER}/3 is UNAVAILABLE; versions that are ready: 1, 2"):
        client.promote(ENSEMBLE, "3")
    repository.states["3"] = "LOADING"
    with pytest.raises(NotReady, match=f"{CLASSIFIER}/3 is LOADING; versions that are ready: 1, 2"):
        client.promote(ENSEMBLE, "3")
    assert repository.loads == []


@pytest.mark.parametrize("version", ["", "latest", "-1"])
def test_a_version_that_is_not_a_number_is_refused(client: Client, repository: FakeRepository, version: str) -> None:
    with pytest.raises(InvalidInput, match="model_version: expected"):
        client.promote(ENSEMBLE, version)
    assert repository.loads == []


def test_a_version_is_tried_with_zeros_before_it_is_live(client: Client, repository: FakeRepository) -> None:
    client.promote(ENSEMBLE, "2")
    ((model_name, version, inputs),) = repository.tried
    assert (model_name, version, list(inputs)) == (CLASSIFIER, "2", ["pixels"])
    pixels = inputs["pixels"]
    assert (pixels.dtype, pixels.shape, pixels.any()) == (np.uint8, (1, 4, 4, 3), False)


def test_a_version_that_does_not_answer_is_not_promoted(client: Client, repository: FakeRepository) -> None:
    repository.failure_of_version["2"] = ServerFault("the stub has died")
    with pytest.raises(ServerFault, match="the stub has died"):
        client.promote(ENSEMBLE, "2")
    assert repository.loads == []


def test_bytes_are_tried_empty_and_inputs_of_any_size_are_not_tried(client: Client, repository: FakeRepository) -> None:
    repository.metadata = {"name": CLASSIFIER, "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1, 1]}]}
    client.promote(ENSEMBLE, "2")
    repository.metadata = {"name": CLASSIFIER, "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, -1]}]}
    client.promote(ENSEMBLE, "1")
    ((_, version, inputs),) = repository.tried
    assert (version, inputs["image"].tolist()) == ("2", [[b""]])


def test_images_of_any_size_are_tried_with_one(client: Client, repository: FakeRepository) -> None:
    pixels = {"name": "pixels", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}
    repository.metadata = {"name": CLASSIFIER, "inputs": [pixels]}
    client.promote(ENSEMBLE, "2")
    ((_, _, inputs),) = repository.tried
    assert inputs["pixels"].shape == (1, 448, 448, 3)


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (with_steps({"model_name": "a", "model_version": "-1"}), "no pin"),
        (with_steps({"model_name": "a"}), "no pin"),
        (with_steps({"model_name": "a", "model_version": 1}, {"model_name": "b", "model_version": 2}), "a/1 and b/2"),
        (with_steps({"model_name": "a", "model_version": 1}, {"model_name": "a", "model_version": 2}), "a/1 and a/2"),
        ({"name": ENSEMBLE, "backend": "onnxruntime"}, "no pin"),
    ],
)
def test_a_model_that_does_not_pin_one_version_cannot_be_promoted(
    client: Client, repository: FakeRepository, config: dict[str, Any], what: str
) -> None:
    repository.config = config
    for change in (lambda: client.promote(ENSEMBLE, "2"), lambda: client.rollback(ENSEMBLE)):
        with pytest.raises(InvalidInput, match=f"expected an ensemble whose steps pin one version.*got .*{what}"):
            change()
    assert repository.loads == []


def test_all_steps_that_pin_the_version_are_promoted(client: Client, repository: FakeRepository) -> None:
    repository.config = with_steps(*[{"model_name": CLASSIFIER, "model_version": 1}] * 2)  # HTTP's JSON has numbers
    client.promote(ENSEMBLE, "2")
    assert [step["model_version"] for step in repository.config["ensemble_scheduling"]["step"]] == ["2", "2"]


def test_an_ensemble_that_fails_to_load_is_restored(client: Client, repository: FakeRepository) -> None:
    repository.before_load = lambda: repository.states.pop("2", None)  # removed just before the load
    with pytest.raises(ServerFault, match="required version 2 is not loaded"):
        client.promote(ENSEMBLE, "2")
    assert repository.is_there
    assert repository.config == CONFIG


def test_an_ensemble_that_is_not_ready_afterwards_is_an_error(client: Client, repository: FakeRepository) -> None:
    repository.after_load = lambda: setattr(repository, "config", CONFIG)  # another client's rollback
    with pytest.raises(NotReady, match=f"{ENSEMBLE} serves {CLASSIFIER}/1, not {CLASSIFIER}/2"):
        client.promote(ENSEMBLE, "2")


def test_every_server_is_promoted_even_a_restarted_one() -> None:
    servers = [FakeRepository(), FakeRepository()]
    with Client(transport=Failover(servers), retry=Retry(attempts=1)) as client:
        client.promote(ENSEMBLE, "2")
        servers[0].config = CONFIG
        client.promote(ENSEMBLE, "2")
    assert [server.pinned for server in servers] == ["2", "2"]


@pytest.fixture
def pair() -> tuple[FakeRepository, FakeRepository]:
    return FakeRepository(), FakeRepository()


@pytest.fixture
def both(pair: tuple[FakeRepository, FakeRepository]) -> Iterator[Client]:
    with Client(transport=Failover(pair, names=("one", "two")), retry=Retry(attempts=1)) as client:
        yield client


def test_a_version_that_one_server_lacks_is_promoted_on_none(
    both: Client, pair: tuple[FakeRepository, FakeRepository]
) -> None:
    pair[1].states["2"] = "UNAVAILABLE"
    with pytest.raises(ModelNotFound, match=rf"^two: {CLASSIFIER}/2 is UNAVAILABLE.*; nothing was changed$"):
        both.promote(ENSEMBLE, "2")
    assert [server.loads for server in pair] == [[], []]


def test_a_promotion_that_fails_on_one_server_is_undone_on_the_others(
    both: Client, pair: tuple[FakeRepository, FakeRepository]
) -> None:
    pair[1].before_load = lambda: pair[1].states.pop("2", None)
    with pytest.raises(
        ServerFault, match=r"^two: required version 2 is not loaded; one was restored; two was restored$"
    ):
        both.promote(ENSEMBLE, "2")
    assert [server.config for server in pair] == [CONFIG, CONFIG]


def test_servers_that_were_promoted_from_different_versions_are_not_rolled_back(
    both: Client, pair: tuple[FakeRepository, FakeRepository]
) -> None:
    both.promote(ENSEMBLE, "2")
    pair[1].config = {**pair[1].config, "parameters": {"promoted_from": {"string_value": "3"}}}
    with pytest.raises(InvalidInput, match="promoted from 1 and 3 on different servers: promote one of these versions"):
        both.rollback(ENSEMBLE)


def test_a_reset_restores_the_file_after_several_promotions(client: Client, repository: FakeRepository) -> None:
    repository.states["3"] = "READY"
    for version in ("2", "3"):
        client.promote(ENSEMBLE, version)
    client.reset(ENSEMBLE)
    assert repository.config == AS_CONFIGURED
