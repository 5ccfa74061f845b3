"""Triton's HTTP port, asked with the standard library alone: the health check of a container imports this module."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from cronnx_server.errors import AddressError, CommandError
from cronnx_server.key import HEADER

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class NoAnswerError(CommandError):
    """The server gave no answer, or none in time."""


class TritonHttp:
    """One connection to a server, used until a deadline; it passes by any proxy of the environment."""

    def __init__(self, url: str, *, timeout_s: float, key: str = "") -> None:
        """Prepare a connection; it opens with the first request.

        Args:
            url: The HTTP port, `http://HOST:PORT` or `https://HOST:PORT`.
            timeout_s: The longest time that all requests may take together, from now on; `restart` begins it anew.
            key: The key of the server's restricted APIs; empty where it asks for none.

        Raises:
            AddressError: The URL does not name an HTTP port.
        """
        self._connection = _connection(url)
        self._url = url
        self._timeout_s = timeout_s
        self._key = {HEADER: key} if key else {}
        self.restart()

    def restart(self) -> None:
        """Let the next requests take `timeout_s` again."""
        self._deadline = time.monotonic() + self._timeout_s

    def request(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> tuple[int, bytes]:
        """Send a GET request, or a POST request where there is a body; the status and the body of the answer.

        Raises:
            NoAnswerError: The server cannot be reached, hangs up, or does not answer before the deadline.
        """
        try:
            self._limit(self._deadline - time.monotonic())
            self._connection.request("GET" if body is None else "POST", path, body, {**headers, **self._key})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            self.close()
            raise NoAnswerError(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            raise NoAnswerError(f"cannot reach {self._url}: {reason}") from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _limit(self, left_s: float) -> None:
        if left_s <= 0:
            raise TimeoutError
        self._connection.timeout = left_s
        if self._connection.sock:
            self._connection.sock.settimeout(left_s)


def _connection(url: str) -> http.client.HTTPConnection:
    refusal = f"expected http://HOST:PORT or https://HOST:PORT, the server's HTTP port, got '{url}'"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # a port that is no number
        raise AddressError(refusal) from error
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        raise AddressError(refusal)
    return (http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)(host, port)
