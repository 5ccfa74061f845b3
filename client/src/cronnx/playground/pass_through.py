"""Triton's own HTTP calls under the page's address, for the API viewer: those that only ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp
import yarl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cronnx._transports.base import CONNECT_TIMEOUT_S
from cronnx._transports.connection import HTTP_KEY
from cronnx._transports.http import translated
from cronnx._transports.refusals import RequestContext
from cronnx.playground.bodies import body
from cronnx.playground.server import Server

_NAME = r"(?!\.{1,2}(?:/|$))[^/]+"
_MODEL = rf"/v2/models/{_NAME}(?:/versions/(?:\d+|{{model_version}}))?"
_ALLOWED = {
    "GET": re.compile(rf"/v2|/v2/health/(?:live|ready)|/v2/models/stats|{_MODEL}(?:/(?:ready|config|stats))?"),
    "POST": re.compile(rf"/v2/repository/index|{_MODEL}/(?:infer|generate)"),
}
# What Triton reads a body as. It crashes on a large form: SECURITY.md.
_CONTENT_TYPES = ("application/json", "application/octet-stream")
_REQUEST_HEADERS = ("Content-Type", "Inference-Header-Content-Length", HTTP_KEY)
_RESPONSE_HEADERS = ("Content-Type", "Inference-Header-Content-Length")


def is_allowed(method: str, path: str) -> bool:
    """Return whether a call is passed on. A name in braces, as OpenAPI has it, is a name."""
    allowed = _ALLOWED.get(method)
    return bool(allowed and allowed.fullmatch(path))


class PassThrough:
    """Passes calls on to the server as they are, with the caller's own key."""

    def __init__(self, server: Server) -> None:
        """Pass calls on to the first HTTP address of a server."""
        self._server = server
        self._session: aiohttp.ClientSession | None = None

    async def call(self, request: Request) -> Response:
        """Pass a call on.

        Raises:
            HTTPException: The call is not one of those that are passed on, or the server has no HTTP address.
            CronnxError: The server does not answer.
        """
        method, path = request.method, request.scope["path"]
        if not is_allowed(method, path):
            raise HTTPException(403, f"expected a call that /api/openapi.json lists, got {method} {path}")
        url = self._server.http_url
        if url is None:
            raise HTTPException(
                501, f"expected a server with an HTTP address, got {self._server.url}; add --url http://…"
            )
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if method == "POST" and kind not in _CONTENT_TYPES:
            raise HTTPException(415, f"Content-Type: expected {' or '.join(_CONTENT_TYPES)}, got {kind!r}")
        content = await body(request) if method == "POST" else None
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        return await self._answer(method, yarl.URL(url + quote(path), encoded=True), content, headers)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _answer(self, method: str, url: yarl.URL, content: bytes | None, headers: Mapping[str, str]) -> Response:
        try:
            async with self._open_session().request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as answer:
                kept = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
                return Response(await answer.read(), answer.status, kept)
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.TimeoutError) as error:
            raise translated(error, RequestContext(str(url.origin()), self._server.timeout_s)) from error

    def _open_session(self) -> aiohttp.ClientSession:
        # Not in __init__: a session belongs to the event loop that it is made in.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Accept-Encoding": "identity", **self._server.headers},
                timeout=aiohttp.ClientTimeout(total=self._server.timeout_s, sock_connect=CONNECT_TIMEOUT_S),
                connector=aiohttp.TCPConnector(ssl=self._server.tls.ssl_context() if self._server.tls else True),
            )
        return self._session
