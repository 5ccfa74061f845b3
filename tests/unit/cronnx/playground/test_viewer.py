from __future__ import annotations

import re

from cronnx.playground.pass_through import is_allowed
from tests.unit.cronnx.playground.asgi import Browser
from tests.unit.cronnx.playground.fake_triton import FakeTriton


def test_the_viewer_and_all_that_it_loads_are_there(page: Browser) -> None:
    html = page.get("/viewer/").body.decode()
    loaded = re.findall(r'(?:src|href)="((?!/)[^"]+)"', html)
    assert len(loaded) >= 4
    assert [page.get(f"/viewer/{each}").status for each in loaded] == [200] * len(loaded)


def test_the_document_has_the_calls_that_are_passed_on(page: Browser, triton: FakeTriton) -> None:
    triton.serve("boxes", "detection")
    document = page.get("/api/openapi.json").json()
    calls = [
        (method.upper(), path) for path, each in document["paths"].items() for method in each if method != "parameters"
    ]
    assert [call for call in calls if not is_allowed(*call)] == []
    assert {path for _, path in calls if path.endswith("/generate")} == {
        "/v2/models/boxes/generate",
        "/v2/models/cats/generate",
    }
    assert document["servers"][0]["url"] == "/"
    assert "control" not in [tag["name"] for tag in document["tags"]]


def test_the_list_of_models_takes_the_key(page: Browser) -> None:
    document = page.get("/api/openapi.json").json()
    (name,) = document["paths"]["/v2/repository/index"]["post"]["security"][0]
    assert document["components"]["securitySchemes"][name] == {"type": "apiKey", "in": "header", "name": "cronnx-key"}


def test_a_server_that_is_away_is_told(page: Browser, triton: FakeTriton) -> None:
    triton.is_up = False
    assert page.get("/api/openapi.json").error[:2] == (502, "ConnectionFailed")
