"""What a mirror answers to the request for a file, without ever waiting long for one that is not there."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.response import addinfourl

INSIDE_MIRROR = "CRONNX_MODEL_MIRROR"

ANSWER_TIMEOUT_S = 4
READ_TIMEOUT_S = 20
CHUNK_BYTES = 2**18

NETWORK_ERRORS = (OSError, http.client.HTTPException)

T = TypeVar("T")
Answer = HTTPResponse | addinfourl

# Why hosts did not answer in this run: the next file does not wait for them again.
_unreachable: dict[str, str] = {}


class MirrorError(Exception):
    """Why a mirror does not give a file."""


def answer(url: str, *, start: int) -> Answer:
    """The open answer to a request for a file from its byte `start` on.

    Raises:
        MirrorError: there is none, or it is an error.
    """
    name = host(url)
    if name in _unreachable:
        raise MirrorError(_unreachable[name])
    try:
        return _within(ANSWER_TIMEOUT_S, lambda: _asked(url, start))
    except urllib.error.HTTPError as error:
        error.close()
        raise MirrorError(f"HTTP {error.code} {error.reason}") from error
    except (*NETWORK_ERRORS, ValueError) as error:
        reason = getattr(error, "reason", error)
        _unreachable[name] = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise MirrorError(_unreachable[name]) from error


def _asked(url: str, start: int) -> Answer:
    request = urllib.request.Request(url)  # noqa: S310 - the catalogue's address, or the operator's
    if start:
        request.add_header("Range", f"bytes={start}-")
    opened: Answer = urllib.request.urlopen(request, timeout=READ_TIMEOUT_S)  # noqa: S310 - likewise
    return opened


def chunks(opened: Answer, count: int) -> Iterator[bytes]:
    """At most `count` bytes of an answer, as they come; fewer where the connection is cut."""
    while count > 0:
        try:
            chunk = opened.read(min(CHUNK_BYTES, count))
        except NETWORK_ERRORS:
            return
        if not chunk:
            return
        count -= len(chunk)
        yield chunk


def host(url: str) -> str:
    """Who is asked for `url`."""
    return urlsplit(url).netloc or url


def _within(timeout_s: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises. A socket's own timeout would not count the search for the host's address.

    Raises:
        TimeoutError: it takes longer. It goes on, unheard.
    """
    outcome: list[T] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout_s)
    for error in failure:
        raise error
    if not outcome:
        raise TimeoutError(f"no answer within {timeout_s} s")
    return outcome[0]
