from __future__ import annotations

from typing import Any

from cronnx import ModelStatus
from cronnx.playground.models import models_json
from tests.unit.cronnx.playground.asgi import Browser
from tests.unit.cronnx.playground.fake_triton import FakeTriton, ensemble, plain


def listed(index: list[ModelStatus], *configs: dict[str, Any], **rates: float) -> dict[str, dict[str, Any]]:
    by_version = {(name, "1"): rate for name, rate in rates.items()}
    return {each["name"]: each for each in models_json(index, {each["name"]: each for each in configs}, by_version)}


def ready(name: str, *versions: str) -> list[ModelStatus]:
    return [ModelStatus(name, version, "READY", "") for version in versions]


def test_an_ensemble_has_the_versions_of_its_network() -> None:
    index = [*ready("cats", "1"), *ready("net", "10", "2"), ModelStatus("net", "3", "UNAVAILABLE", "out of memory")]
    found = listed(index, ensemble("cats", "classification", "net", "2"), plain("net"), cats=1.5)
    assert found["cats"] == {
        "name": "cats",
        "task": "classification",
        "state": "READY",
        "reason": "",
        "versions": ["2", "10"],
        "live_version": "2",
        "split": None,
        "network": "net",
        "steps": ["preprocess", "net"],
        "requests_per_s": 1.5,
    }
    assert (found["net"]["task"], found["net"]["versions"], found["net"]["live_version"]) == ("", ["2", "10"], None)


def test_a_split_is_told_in_shares() -> None:
    router = plain("router", parameters={"arms": {"string_value": "net/1=60 net/2=20"}}) | {"backend": "router"}
    cats = ensemble("cats", "classification", "router", "-1")
    found = listed([*ready("cats", "1"), *ready("router", "1")], cats, router)
    assert found["cats"]["split"] == found["router"]["split"] == {"net/1": 0.75, "net/2": 0.25}
    assert (found["cats"]["network"], found["cats"]["versions"]) == (None, ["1"])


def test_a_model_that_is_not_loaded_says_why() -> None:
    failed = ModelStatus("cats", "1", "UNAVAILABLE", "no such file")
    cats = listed([failed])["cats"]
    assert (cats["state"], cats["reason"], cats["versions"]) == ("UNAVAILABLE", "no such file", [])
    loading = ModelStatus("cats", "2", "LOADING", "")
    assert listed([failed, loading])["cats"]["state"] == "LOADING"
    assert listed([ModelStatus("cats", "1", "ODD", "")])["cats"]["state"] == "ODD"


def test_models_are_listed_with_their_rates(page: Browser, triton: FakeTriton) -> None:
    models = {model["name"]: model for model in page.get("/api/models").json()["models"]}
    assert {name: model["state"] for name, model in models.items()} == {
        "asleep": "UNAVAILABLE",
        "cats": "READY",
        "cats_onnx": "READY",
        "preprocess": "READY",
    }
    assert models["cats"]["requests_per_s"] == 0
    assert triton.requests == []
