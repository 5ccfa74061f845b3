from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronnx.playground.app import Settings, playground
from cronnx.playground.pass_through import is_allowed
from cronnx.playground.server import Server
from tests.unit.cronnx.http_triton import HttpTriton
from tests.unit.cronnx.playground.asgi import Browser, browsing
from tests.unit.cronnx.playground.fake_triton import KEY

JSON = "application/json"
BINARY = {"content_type": "application/octet-stream; x", "inference_header_content_length": "2"}
READS = [
    *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/models/cats", "/v2/models/{model_name}"),
    *(f"/v2/models/cats{version}/{call}" for version in ("", "/versions/2") for call in ("ready", "config", "stats")),
]
QUESTIONS = ["/v2/repository/index", "/v2/models/cats/infer", "/v2/models/a b/versions/12/generate"]
CHANGES = [
    *("/v2/repository/models/cats/load", "/v2/repository/models/cats/unload", "/v2/logging", "/v2/trace/setting"),
    *("/v2/models/cats/trace/setting", "/v2/systemsharedmemory/status", "/v2/systemsharedmemory/region/a/register"),
    *("/v2/cudasharedmemory/region/a/register", "/v2/models/cats/generate_stream", "/v2/models/../generate"),
    *("/v2/models/cats/versions/x/infer", "/v2/models//infer", "/v2/models/cats/infer/", "/v2/models/a/b/infer"),
    *("/v2/models/./infer", "/v2x", "/v2/models/cats/../../repository/models/cats/unload", "/v2/models/cats\n/infer/x"),
]


@pytest.fixture
def page(http_triton: HttpTriton) -> Iterator[Browser]:
    server = Server([f"http://{http_triton.address}"], headers={"tenant": "blue"}, timeout_s=5)
    with browsing(playground(Settings(server))) as browser:
        yield browser


@pytest.mark.parametrize("path", READS)
def test_what_reads_is_passed_on(path: str) -> None:
    assert is_allowed("GET", path)
    assert not is_allowed("POST", path)


@pytest.mark.parametrize("path", QUESTIONS)
def test_what_asks_is_passed_on(path: str) -> None:
    assert is_allowed("POST", path)
    assert not is_allowed("PUT", path)


@pytest.mark.parametrize("path", CHANGES)
def test_what_changes_the_server_and_what_is_unknown_is_not(path: str) -> None:
    assert not is_allowed("POST", path)
    assert not is_allowed("GET", path)


@pytest.mark.parametrize(
    "path", ["/v2/repository/models/cats/unload", "/v2/models/..%2frepository%2fmodels%2fcats/infer", "/v2/logging"]
)
def test_a_refused_call_does_not_reach_the_server(page: Browser, http_triton: HttpTriton, path: str) -> None:
    status, _, message = page.post(path, b"{}", content_type=JSON).error
    assert (status, message[:51]) == (403, "expected a call that /api/openapi.json lists, got P")
    assert http_triton.commands == http_triton.requests == []


def test_a_call_is_answered_in_the_servers_own_words(page: Browser, http_triton: HttpTriton) -> None:
    http_triton.always(400, b'{"error": "in ensemble \'cats\', image[0]: truncated"}')
    reply = page.post("/v2/models/cats/infer", b"{}xyz", **BINARY)
    (request,) = http_triton.requests
    assert (request.path, request.json, request.binary) == ("/v2/models/cats/infer", {}, b"xyz")
    assert (reply.status, reply.json()) == (400, {"error": "in ensemble 'cats', image[0]: truncated"})


def test_only_the_callers_own_key_is_passed_on(page: Browser, http_triton: HttpTriton) -> None:
    http_triton.always(200, b"{}")
    secrets = {"cookie": "secret", "authorization": "secret"}
    page.post("/v2/models/cats/infer", b"{}xyz", accept_encoding="gzip", **secrets, **BINARY)
    page.post("/v2/models/cats/infer", b"{}xyz", cronnx_key=KEY, **BINARY)
    without, with_key = ({name.lower(): value for name, value in each.items()} for each in http_triton.headers[-2:])
    assert (without.get("cronnx-key"), with_key.get("cronnx-key")) == (None, KEY)
    assert "secret" not in without.values()
    assert (without["tenant"], without["accept-encoding"]) == ("blue", "identity")


@pytest.mark.parametrize(
    "kind", [{}, {"content_type": "application/x-www-form-urlencoded"}, {"content_type": "a;" + JSON}]
)
def test_a_form_is_refused(page: Browser, http_triton: HttpTriton, kind: dict[str, str]) -> None:
    assert page.post("/v2/models/cats/infer", b"image=1", **kind).error[0] == 415
    assert http_triton.requests == []


def test_another_site_may_not_use_it(page: Browser, http_triton: HttpTriton) -> None:
    assert page.post("/v2/models/cats/infer", b"{}", content_type=JSON, origin="https://evil.example").status == 403
    assert http_triton.requests == []


def test_a_server_that_is_away_is_told(deserted_address: str) -> None:
    with browsing(playground(Settings(Server([f"http://{deserted_address}"])))) as page:
        assert page.get("/v2/health/live").error[:2] == (502, "ConnectionFailed")


def test_a_server_without_http_is_told() -> None:
    with browsing(playground(Settings(Server(["grpc://127.0.0.1:9"])))) as page:
        assert page.get("/v2/health/live").error[0] == 501
