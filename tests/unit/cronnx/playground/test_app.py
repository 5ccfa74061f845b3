from __future__ import annotations

import pytest

from cronnx import CronnxError, DeadlineExceeded, NotReady, Overloaded, ServerFault
from tests.unit.cronnx.playground.asgi import Browser
from tests.unit.cronnx.playground.fake_triton import KEY, FakeTriton
from tests.unit.cronnx.typed_answers import HEIGHT, WIDTH, photo

PHOTO = photo()


def test_the_page_and_its_files_are_there(page: Browser) -> None:
    index = page.get("/")
    assert (index.status, index.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.get("/page/main.js").status == 200
    assert page.get("/page/../app.py").status == 404


def test_the_server_is_there(page: Browser) -> None:
    state = {"url": "http://127.0.0.1:8000", "live": True, "ready": True, "needs_key": False, "error": None}
    assert page.get("/api/server").json() == state


def test_the_server_goes_and_comes_back(page: Browser, triton: FakeTriton) -> None:
    triton.is_up = False
    away = page.get("/api/server")
    assert away.status == 200
    assert (away.json()["live"], away.json()["error"]) == (False, "cannot reach it: connection refused")
    assert page.get("/api/models").error == (502, "ConnectionFailed", "cannot reach it: connection refused")
    assert page.post("/api/infer?model=cats", PHOTO).error[:2] == (502, "ConnectionFailed")
    triton.is_up = True
    assert page.get("/api/server").json()["live"] is True
    assert page.post("/api/infer?model=cats", PHOTO).status == 200


def test_an_answer_says_who_gave_it_and_where_its_time_went(page: Browser) -> None:
    answer = page.post("/api/infer?model=cats", PHOTO).json()
    assert answer.pop("latency_ms") > 0
    assert answer.pop("answer")["top"][0]["score"] == 0.5
    assert answer == {
        "model": "cats",
        "version": None,
        "task": "classification",
        "served_by": "efficientnet_lite0_onnx/1@abcd1234",
        "server_ms": 10.0,
        "steps": [
            {"name": "preprocess", "queue_ms": 1.0, "compute_ms": 9.0},
            {"name": "cats_onnx", "queue_ms": 1.0, "compute_ms": 9.0},
        ],
        "image": {"width": WIDTH, "height": HEIGHT},
    }


def test_a_version_of_an_ensembles_network_can_be_asked(page: Browser, triton: FakeTriton) -> None:
    answer = page.post("/api/infer?model=cats&version=2", PHOTO).json()
    assert [(each.model_name, each.model_version) for each in triton.requests] == [
        ("preprocess", ""),
        ("cats_onnx", "2"),
    ]
    assert [step["name"] for step in answer["steps"]] == ["preprocess", "cats_onnx"]
    assert (answer["version"], answer["server_ms"]) == ("2", None)


def test_a_refused_picture_is_told_in_the_servers_words(page: Browser) -> None:
    expected = (400, "InvalidInput", "image[0]: expected an image, got something that starts with b'broken'")
    assert page.post("/api/infer?model=cats", b"broken").error == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotReady("cats is loading"), 503),
        (Overloaded("the queue is full"), 503),
        (DeadlineExceeded("no answer within 30 s"), 504),
        (ServerFault("the model failed"), 502),
    ],
)
def test_a_failure_has_its_status(page: Browser, triton: FakeTriton, error: CronnxError, status: int) -> None:
    triton.fault = error
    assert page.post("/api/infer?model=cats", PHOTO).error == (status, type(error).__name__, str(error))


def test_an_unknown_model_is_told(page: Browser) -> None:
    assert page.post("/api/infer?model=dogs", PHOTO).error[:2] == (404, "ModelNotFound")
    assert page.get("/api/calls?model=dogs").error[:2] == (404, "ModelNotFound")


def test_a_model_that_was_unloaded_meanwhile_is_told(page: Browser, triton: FakeTriton) -> None:
    assert page.post("/api/infer?model=cats", PHOTO).status == 200
    del triton.configs["cats"], triton.versions["cats"]
    assert page.post("/api/infer?model=cats", PHOTO).error[:2] == (404, "ModelNotFound")
    assert "cats" not in [model["name"] for model in page.get("/api/models").json()["models"]]


@pytest.mark.parametrize("query", ["", "?model=", "?version=1"])
def test_a_request_without_a_model_is_refused(page: Browser, query: str) -> None:
    message = "model: expected the name of a model, got none; add ?model=NAME"
    assert page.post(f"/api/infer{query}", PHOTO).error == (400, "HttpError", message)


@pytest.mark.parametrize("query", ["model=..%2Fcats", "model=cats&version=two"])
def test_a_name_that_is_a_path_and_a_version_that_is_no_number_are_refused(page: Browser, query: str) -> None:
    assert page.post(f"/api/infer?{query}", PHOTO).error[:2] == (400, "InvalidInput")


def test_a_model_without_an_image_is_refused(page: Browser) -> None:
    assert page.post("/api/infer?model=preprocess", PHOTO).error[:2] == (400, "InvalidInput")


def test_a_body_that_is_too_large_is_refused(page: Browser, triton: FakeTriton) -> None:
    message = "body: expected at most 64 MB, got more; send a smaller image"
    assert page.post("/api/infer?model=cats", bytes(64_000_001)).error == (413, "HttpError", message)
    assert triton.requests == []


def test_another_method_and_another_path_are_refused(page: Browser) -> None:
    assert page.get("/api/infer?model=cats").error[0] == 405
    assert page.get("/api/nothing").error[0] == 404


def test_a_fault_of_the_playground_is_json_without_its_text(page: Browser, triton: FakeTriton) -> None:
    triton.fault = ZeroDivisionError("secret")
    message = "the playground failed (ZeroDivisionError); its terminal says why"
    assert page.post("/api/infer?model=cats", PHOTO).error == (500, "PlaygroundFault", message)


def test_the_list_of_models_needs_the_key_but_not_the_loaded_ones(page: Browser, triton: FakeTriton) -> None:
    triton.needs_key = True
    for key in ({}, {"cronnx_key": "a-wrong-key-12345"}):
        listed = page.get("/api/models", **key).json()
        assert [model["name"] for model in listed["models"]] == ["cats", "cats_onnx", "preprocess"]
        assert listed["needs_key"] is True
        assert page.get("/api/server", **key).json()["needs_key"] is True
    listed = page.get("/api/models", cronnx_key=KEY).json()
    assert [model["name"] for model in listed["models"]] == ["asleep", "cats", "cats_onnx", "preprocess"]
    assert listed["needs_key"] is False
    assert page.get("/api/server", cronnx_key=KEY).json()["needs_key"] is False


def test_a_key_is_forgotten_with_its_answer(page: Browser, triton: FakeTriton) -> None:
    triton.needs_key = True
    page.get("/api/models", cronnx_key=KEY)
    assert (triton.opened, triton.closed) == ([None, KEY], 1)
    assert page.get("/api/models").json()["needs_key"] is True


def test_the_photos_are_listed_with_their_credits(page: Browser) -> None:
    photos = [{"name": "cat.jpg", "credit": "a cat: Ada, CC0"}, {"name": "more/dog.PNG", "credit": ""}]
    assert page.get("/pictures").json() == photos
    assert page.get("/pictures/more/dog.PNG").headers["content-type"] == "image/png"


@pytest.mark.parametrize("name", ["secret.txt", "more/../secret.txt", "..%2Fcat.jpg", "none.jpg"])
def test_only_a_listed_photo_is_given(page: Browser, name: str) -> None:
    assert page.get(f"/pictures/{name}").error[0] == 404
