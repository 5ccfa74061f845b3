"""Who may ask the playground: pages of its own address, and programs that are no web pages.

Another web site must not use a visitor's browser to ask this server. It could send requests (which `Origin` shows), or
point a name of its own to this address and so read the answers too (which `Host` shows, "DNS rebinding").
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cronnx.playground.errors import error_response

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Access:
    """ASGI middleware that refuses what other web sites send, and tells browsers to keep what it answers from them."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        """Wrap an app.

        Args:
            app: The app.
            host: The name or the address that the app listens on.
        """
        self._app = app
        self._names = {"localhost", host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self.problem(Headers(scope=scope))
        app = error_response(403, "Forbidden", problem) if problem else self._app
        await app(scope, receive, send_with_headers)

    def problem(self, headers: Headers) -> str | None:
        """Return why a request with these headers is refused; None if it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_own(_hostname(f"//{host}")):
            return (
                f"Host: expected localhost, the name of this machine or an IP address, got {host!r}; open the page by"
                " one of these"
            )
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return f"Origin: expected a page of {host}, got {origin!r}; another web site may not ask this server"
        return None

    def _is_own(self, hostname: str) -> bool:
        """Return whether no other web site can have this name: an address is not a name."""
        try:
            ip_address(hostname)
        except ValueError:
            return hostname in self._names
        return True


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a bracket is not closed
        return ""
