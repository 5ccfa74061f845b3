"""A server's HTTP port, asked until a deadline."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from cronnx_server.key import HEADER

NO_HEADERS: Mapping[str, str] = {}


class UrlError(ValueError):
    """A URL that cannot be asked."""


class NoAnswerError(Exception):
    """Nobody answered, or nobody in time."""


class HttpServer:
    """One connection to one server; whatever is asked must be answered before the same deadline."""

    def __init__(self, url: str, *, timeout_s: float, key: str = "") -> None:
        """Connects with the first question.

        Args:
            url: of the HTTP port.
            timeout_s: for all answers together.
            key: what a server's restricted APIs ask for; nothing where it is empty.

        Raises:
            UrlError: the URL is not that of an HTTP port.
        """
        self._connection = _connection(url)
        self._url = url
        self._timeout_s = timeout_s
        self._key = {HEADER: key} if key else {}
        self._deadline = time.monotonic() + timeout_s

    def ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] = NO_HEADERS) -> tuple[int, bytes]:
        """The status and the body of the answer: to a GET, or where there is a body to a POST.

        Raises:
            NoAnswerError: there is none.
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
            raise NoAnswerError(f"cannot ask {self._url}: {reason}") from error

    def close(self) -> None:
        """Drop the connection; the next question makes another."""
        self._connection.close()

    def _limit(self, left_s: float) -> None:
        if left_s <= 0:
            raise TimeoutError
        self._connection.timeout = left_s
        if self._connection.sock:
            self._connection.sock.settimeout(left_s)


def _connection(url: str) -> http.client.HTTPConnection:
    refusal = f"'{url}' came, http://HOST:PORT or https://HOST:PORT is expected: the HTTP port, whatever clients use"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # a port that is no number
        raise UrlError(refusal) from error
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        raise UrlError(refusal)
    return (http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)(host, port)
