"""Requests to an ASGI app in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette

HOST = "localhost:8004"


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """The status, and the error's type and message."""
        error = self.json()["error"]
        return self.status, error["type"], error["message"]


class Browser:
    """Asks an app, on one event loop."""

    def __init__(self, app: Starlette, loop: asyncio.AbstractEventLoop) -> None:
        self._app, self._loop = app, loop

    def get(self, url: str, **headers: str) -> Reply:
        return self.ask("GET", url, b"", headers)

    def post(self, url: str, body: bytes, **headers: str) -> Reply:
        return self.ask("POST", url, body, headers)

    def ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return self._loop.run_until_complete(self._ask(method, url, body, headers))

    async def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(url)
        sent = {"host": HOST, **{name.replace("_", "-").lower(): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        chunks = [body[start : start + 2**20] for start in range(0, len(body), 2**20)] or [b""]
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                await asyncio.Event().wait()  # the browser stays
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            messages.append(message)

        with contextlib.suppress(ZeroDivisionError):  # what the tests raise in the app; Starlette raises it again
            await self._app(scope, receive, send)
        start, *rest = messages
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], named, b"".join(message.get("body", b"") for message in rest))


@contextlib.contextmanager
def browsing(app: Starlette) -> Iterator[Browser]:
    """Start an app, and end it."""
    loop = asyncio.new_event_loop()
    lifespan = app.router.lifespan_context(app)
    loop.run_until_complete(lifespan.__aenter__())
    try:
        yield Browser(app, loop)
    finally:
        loop.run_until_complete(lifespan.__aexit__(None, None, None))
        loop.close()
