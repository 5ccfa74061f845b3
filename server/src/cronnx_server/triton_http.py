"""A client of Triton's HTTP port with the standard library alone: the health check of a container imports it."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType
from urllib.parse import urlsplit

from cronnx_server.errors import AddressError, NoAnswerError
from cronnx_server.key import HEADER

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class TritonHttp:
    """One connection to a server, used until a deadline. It uses no proxy."""

    def __init__(self, url: str, *, timeout_s: float, key: str = "") -> None:
        """Prepare a connection; the first request opens it.

        Args:
            url: The HTTP port, `http://HOST:PORT` or `https://HOST:PORT`.
            timeout_s: The longest time for all requests together, from now, in seconds.
            key: The key of the server's restricted APIs; empty if it requires none.

        Raises:
            AddressError: The URL does not name an HTTP port.
        """
        self._connection = _connection(url)
        self._url = url
        self._timeout_s = timeout_s
        self._key = {HEADER: key} if key else {}
        self._deadline = time.monotonic() + timeout_s

    def __enter__(self) -> TritonHttp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def is_server_ready(self) -> bool:
        """Whether the server is ready; False if it does not answer."""
        try:
            return self.request("/v2/health/ready")[0] == http.HTTPStatus.OK
        except NoAnswerError:
            return False

    def request(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> tuple[int, bytes]:
        """Send a request and return the status and the body of the answer.

        Args:
            path: The path of the URL, such as `/v2/health/live`.
            body: The body of a POST request; None for a GET request.
            headers: Further headers.

        Raises:
            NoAnswerError: The server cannot be reached, hangs up, or does not answer before the deadline.
        """
        self.send(path, body, headers)
        return self.receive()

    def send(self, path: str, body: bytes | None = None, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Send a request, whose answer `receive` returns; see `request`."""
        with self._errors_translated():
            self._connection.request("GET" if body is None else "POST", path, body, {**headers, **self._key})

    def receive(self) -> tuple[int, bytes]:
        """The status and the body of the answer to the last request; see `request`."""
        with self._errors_translated():
            answer = self._connection.getresponse()
            return answer.status, answer.read()

    def fileno(self) -> int:
        """The descriptor of the connection, for `select` between `send` and `receive`."""
        return self._connection.sock.fileno()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    @contextlib.contextmanager
    def _errors_translated(self) -> Iterator[None]:
        try:
            self._limit(self._deadline - time.monotonic())
            yield
        except TimeoutError:
            self.close()
            raise NoAnswerError(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            raise NoAnswerError(f"cannot reach {self._url}: {reason}") from error

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
    except ValueError as error:  # the port is not a number
        raise AddressError(refusal) from error
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        raise AddressError(refusal)
    return (http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)(host, port)
