from __future__ import annotations

import json
import socket

import pytest

from cronnx_server.healthcheck.health import ModelHealth, check
from cronnx_server.triton_http import TritonHttp
from tests.unit.cronnx_server.healthcheck.conftest import FakeTriton


def found(triton: FakeTriton, *models: str, timeout_s: float = 30.0) -> list[ModelHealth]:
    return list(check(TritonHttp(triton.url, timeout_s=timeout_s), models=models))


def problems(findings: list[ModelHealth]) -> dict[str, str]:
    return {each.name: each.problem for each in findings if each.problem}


def refusal(message: str) -> bytes:
    return json.dumps({"error": message}).encode()


def test_a_server_that_answers_is_healthy(triton: FakeTriton) -> None:
    findings = found(triton)
    assert [each.name for each in findings] == ["server", "photos"]
    assert problems(findings) == {}
    assert all(each.took_ms for each in findings)


def test_the_models_asked_are_those_that_no_other_is_made_of(triton: FakeTriton) -> None:
    del triton.states["photos"]
    found(triton)
    assert triton.inferred() == ["preprocess"] * 3 + ["network"]


def test_an_ensemble_is_asked_as_often_as_the_step_with_most_instances_has_of_them(triton: FakeTriton) -> None:
    found(triton)
    assert triton.inferred() == ["photos"] * 3


def test_an_instance_on_every_gpu_counts(triton: FakeTriton) -> None:
    triton.configs["network"]["instance_group"] = [{"count": 2, "gpus": [0, 1]}, {"count": 1}]
    found(triton, "network")
    assert triton.inferred() == ["network"] * 5


def test_a_dead_stub_is_reported_with_its_model_in_the_servers_words(triton: FakeTriton) -> None:
    words = "in ensemble 'photos', Stub process 'preprocess_0_0' is not healthy."
    triton.answers["/v2/models/photos/infer"] = (500, refusal(words))
    assert problems(found(triton)) == {"photos": f"HTTP 500: {words}"}


def test_a_model_whose_queue_is_full_is_well(triton: FakeTriton) -> None:
    triton.answers["/v2/models/photos/infer"] = (503, refusal("in ensemble 'photos', Exceeds maximum queue size"))
    assert found(triton)[1:] == [ModelHealth("photos", is_full=True)]


@pytest.mark.parametrize(("state", "status"), [("live", 503), ("ready", 400)])
def test_a_server_that_says_that_it_is_not_well_is_not(triton: FakeTriton, state: str, status: int) -> None:
    triton.answers[f"/v2/health/{state}"] = (status, b"")
    assert problems(found(triton)) == {"server": f"is not {state} (HTTP {status})"}


def test_a_model_that_could_not_be_loaded_is_reported_but_is_a_fault_only_if_it_is_named(triton: FakeTriton) -> None:
    reason = "is UNAVAILABLE no version of network"
    triton.states["photos"] = reason.removeprefix("is ")
    assert problems(found(triton)) == {}
    assert {health.name: health.not_loaded for health in found(triton) if health.not_loaded} == {"photos": reason}
    assert problems(found(triton, "photos")) == {"photos": reason}


def test_a_server_on_which_no_model_could_be_loaded_is_unhealthy(triton: FakeTriton) -> None:
    triton.states = {"photos": "UNAVAILABLE broken"}
    assert problems(found(triton)) == {"photos": "is UNAVAILABLE broken"}


@pytest.mark.parametrize("state", ["", "UNAVAILABLE unloaded", "UNLOADING"])
def test_a_model_that_nobody_loaded_is_no_fault_unless_it_is_named(triton: FakeTriton, state: str) -> None:
    triton.states["network"] = state
    del triton.states["photos"], triton.states["preprocess"]
    assert problems(found(triton)) == {}
    assert problems(found(triton, "network")) == {"network": f"is {state or 'not loaded'}"}


def test_a_model_with_one_version_that_failed_is_asked_by_the_others(triton: FakeTriton) -> None:
    index = [
        {"name": "network", "version": version, "state": state}
        for version, state in (("1", "UNAVAILABLE"), ("2", "READY"), ("3", "UNAVAILABLE"))
    ]
    triton.answers["/v2/repository/index"] = (200, json.dumps(index).encode())
    assert problems(found(triton)) == {}
    assert triton.inferred() == ["network"]


def test_a_server_is_not_ready_while_a_model_is_loaded_which_is_named(triton: FakeTriton) -> None:
    triton.answers["/v2/health/ready"] = (400, b"")
    triton.states["new"] = "LOADING"
    assert problems(found(triton)) == {"server": "is not ready (HTTP 400)"}
    assert problems(found(triton, "photos")) == {}, "another model is nothing to one that is named"


def test_a_name_that_nobody_knows_is_reported(triton: FakeTriton) -> None:
    assert problems(found(triton, "nonesuch")) == {"nonesuch": "is not in the server's repositories"}


def test_silence_ends_with_the_time_and_names_what_was_silent(triton: FakeTriton) -> None:
    triton.silent.add("/v2/models/photos/infer")
    assert problems(found(triton, timeout_s=2)) == {"photos": "no answer within 2 s"}


def test_nobody_listening_is_one_finding() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        (finding,) = check(TritonHttp(url, timeout_s=5))
    assert finding.problem == f"cannot reach {url}: Connection refused"


@pytest.mark.parametrize("answer", [(200, b"<html>"), (404, b"")])
def test_another_kind_of_server_is_told_from_a_triton(triton: FakeTriton, answer: tuple[int, bytes]) -> None:
    triton.answers["/v2/repository/index"] = answer
    assert list(problems(found(triton))) == ["server"]


def test_a_model_of_shapes_of_any_size_is_not_asked(triton: FakeTriton) -> None:
    triton.configs["network"]["input"][0]["dims"] = [-1, 2, 3]
    assert found(triton, "network")[1:] == [ModelHealth("network")]
    assert triton.inferred() == []
